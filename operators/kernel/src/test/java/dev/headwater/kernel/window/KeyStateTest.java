package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class KeyStateTest {
    private static final long NO_WATERMARK = Long.MIN_VALUE;
    private static final Plan PLAN = new PlanBuilder()
            .column("amount", "double", false)
            .column("note", "string", true)
            .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(1))
            .feature("count", null, "long")
            .feature("last", 1, "string")
            .window("1h", Duration.ofHours(1), Duration.ofMinutes(1))
            .feature("count", null, "long")
            .feature("sum", 0, "double")
            .feature("first", 1, "string")
            .build();

    /** PLAN's state of the events (1 s, 2.0, "n1") and (2 s, 2.5, null), as version 1 of the format had it. */
    private static final String OF_VERSION_1 = ""
            + "0100000000001e84800000000000000002ffffffffffffffffffffffffffffffff00000000001e848000000000000007"
            + "d000000000000000007fffffffffffffff010000000200000000000f4240000000000000000100000000000f42400000"
            + "00000000000000000000000000004000000000000000000000000000000000000000000f424000000000000000000000"
            + "00000000000000000000001e848000000000000000018000000000000000000000000000000000000000000000004004"
            + "00000000000000000000000000007fffffffffffffff00000000000000000000000000000000000000026e3100000002"
            + "6e31ffffffffffffffff";

    private final CellLayout layout = new CellLayout(PLAN);
    private final ViewWindows windows = new ViewWindows(PLAN, layout);
    private final KeyStateSerializer serializer = new KeyStateSerializer(PLAN, windows, layout);
    private final WindowScan scan = new WindowScan(PLAN, windows, layout);

    /**
     * An event each second for two hours. 121 tiles are needed: one-second tiles for the last minute, one-minute tiles
     * before that. The array may be up to twice as long, since rolling up waits until it is full.
     *
     * <pre>
     *   |- 1 min -|- 1 min -| ... 60 of them ... |1s|1s| ... 60 of them ... |> clock
     * </pre>
     */
    @Test
    void aBusyKeyKeepsNoMoreTilesThanItsWindowsNeed() {
        KeyState state = windows.newState();
        for (int second = 1; second <= 7200; second++) {
            windows.add(state, Events.at(second, "a", 2.0, "n" + second), NO_WATERMARK);
            assertTrue(state.end - state.first <= 242, "tiles: " + (state.end - state.first));
        }
        scan.scan(state);
        assertEquals(61, scan.values().number(0));
        // From the start of the window's first minute, 3600, to the clock, 7200.
        assertEquals(3601, scan.values().number(2));
        assertEquals(7202.0, Double.longBitsToDouble(scan.values().number(3)));
        assertEquals("n7200", new String(scan.values().blob(1)));
        assertEquals("n3600", new String(scan.values().blob(4)));
        assertEquals(3601, state.n);
    }

    @Test
    void tilesStaySortedAndDisjointWhateverTheOrderOfTheEvents() {
        KeyState state = windows.newState();
        Ladder ladder = new Ladder(1_000_000, 60_000_000);
        Random random = new Random(3);
        for (int i = 0; i < 5000; i++) {
            double time = 10_000 + i * 0.7 - random.nextInt(random.nextInt(3000) + 1);
            var event = Events.at(time, "a", 1.0, null);
            if (state.isEmpty() || !windows.isLate(state, event.eventTimeUs)) {
                windows.add(state, event, NO_WATERMARK);
            }
            long events = 0;
            for (int tile = state.first; tile < state.end; tile++) {
                long start = state.start(tile, layout.stride());
                long end = start + ladder.sizeUs(state.level(tile, layout.stride()));
                assertTrue(tile + 1 == state.end || end <= state.start(tile + 1, layout.stride()));
                events += state.slots[tile * layout.stride() + Tiles.COUNT];
            }
            assertEquals(events, state.n);
        }
    }

    @Test
    void aStateComesBackAsItWas() throws IOException {
        KeyState state = state(100);
        state.quietUntilMs = 5;
        state.timerMs = 6;
        state.rowWritten();
        windows.add(state, Events.at(101, "a", 1.0, "x"), NO_WATERMARK);

        KeyState back = read(write(state));

        assertEquals(hex(write(state)), hex(write(back)));
        assertEquals(state.clockUs, back.clockUs);
        assertEquals(5, back.quietUntilMs);
        assertEquals(6, back.timerMs);
        assertTrue(back.isDirty());
        assertTrue(back.eventSinceRow);
        windows.add(back, Events.at(102, "a", 1.0, "y"), NO_WATERMARK);
        scan.scan(back);
        assertEquals("y", new String(scan.values().blob(1)));
        assertEquals(102, scan.values().number(2));
    }

    @Test
    void aStateOfNoTilesComesBackAndTakesEvents() throws IOException {
        KeyState state = state(1);
        windows.advance(state, 10_000_000_000L);
        assertTrue(state.isEmpty());
        KeyState back = read(write(state));
        windows.add(back, Events.at(10_000, "a", 1.0, "x"), NO_WATERMARK);
        assertEquals(1, back.n);
    }

    @Test
    void aCopyDoesNotChangeWithTheState() throws IOException {
        KeyState state = state(50);
        byte[] before = write(state);
        KeyState copy = serializer.copy(state);
        windows.add(state, Events.at(50, "a", 1.0, "z"), NO_WATERMARK);
        windows.add(state, Events.at(5000, "a", 1.0, "z"), NO_WATERMARK);
        assertEquals(hex(before), hex(write(copy)));
    }

    @Test
    void aFormatFromTheFutureIsRefused() throws IOException {
        byte[] bytes = write(state(1));
        bytes[0] = 99;
        assertThrows(IOException.class, () -> read(bytes));
    }

    @Test
    void theSnapshotAcceptsItsOwnLayoutAndNotThatOfAnotherGeneration() throws IOException {
        TypeSerializerSnapshot<KeyState> old = writtenAndRead(serializer);

        assertEquals(serializer, old.restoreSerializer());
        assertTrue(serializer.snapshotConfiguration().resolveSchemaCompatibility(old).isCompatibleAsIs());
        KeyStateSerializer next = serializerOf(plan(2, "fare"));
        assertTrue(next.snapshotConfiguration().resolveSchemaCompatibility(writtenAndRead(serializerOf(plan(1, "fare"))))
                .isIncompatible());
        assertFalse(next.toString().equals(serializer.toString()));
    }

    @Test
    void theSnapshotIsRefusedWhereAnotherFieldIsReadUnderAColumnsName() throws IOException {
        KeyStateSerializer before = serializerOf(plan(1, "fare"));
        String json = plan(1, "fare").json().replace("[{\"path\":[\"fare\"]}]", "[{\"path\":[\"tip\"]}]");
        KeyStateSerializer after = serializerOf(Plan.parse(json));
        assertFalse(after.equals(before));
        assertTrue(after.snapshotConfiguration().resolveSchemaCompatibility(writtenAndRead(before)).isIncompatible());
    }

    @Test
    void cellsThatStandInAnotherOrderAreMovedAndThoseThatNoFeatureNeedsAreLeftOut() throws IOException {
        Plan fewer = new PlanBuilder()
                .column("note", "string", true)
                .column("amount", "double", false)
                .window("1h", Duration.ofHours(1), Duration.ofMinutes(1))
                .feature("last", 0, "string")
                .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(1))
                .feature("sum", 1, "double")
                .build();
        CellLayout cells = new CellLayout(fewer);
        ViewWindows fewerWindows = new ViewWindows(fewer, cells);
        KeyStateSerializer next = new KeyStateSerializer(fewer, fewerWindows, cells);
        assertTrue(next.snapshotConfiguration()
                .resolveSchemaCompatibility(writtenAndRead(serializer))
                .isCompatibleAfterMigration());

        KeyState state = next.adopt(read(write(state(3))));

        WindowScan fewerScan = new WindowScan(fewer, fewerWindows, cells);
        fewerScan.scan(state);
        assertEquals("n3", new String(fewerScan.values().blob(0)));
        assertEquals(6.0, Double.longBitsToDouble(fewerScan.values().number(1)));
        assertEquals(3, state.n);
    }

    @Test
    void aStateThatVersion1WroteIsReadAndWrittenAnew() throws IOException {
        KeyState state = read(HexFormat.of().parseHex(OF_VERSION_1));
        scan.scan(state);
        assertEquals(2, scan.values().number(0));
        assertEquals("n1", new String(scan.values().blob(1)));
        assertEquals(4.5, Double.longBitsToDouble(scan.values().number(3)));
        KeyState again = windows.newState();
        windows.add(again, Events.positioned(1, "a", 0, 0, 0, 2.0, "n1"), NO_WATERMARK);
        windows.add(again, Events.positioned(2, "a", 0, 0, 1, 2.5, null), NO_WATERMARK);
        assertEquals(hex(write(again)), hex(write(state)));
    }

    @Test
    void theSnapshotOfVersion1IsAccepted() throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        out.writeUTF(serializer.layout().words());
        out.writeInt(serializer.layout().stride());
        out.writeInt(serializer.layout().objectStride());
        KeyStateSerializerSnapshot old = new KeyStateSerializerSnapshot();
        old.readSnapshot(1, new DataInputDeserializer(out.getCopyOfBuffer()), getClass().getClassLoader());
        assertTrue(serializer.snapshotConfiguration().resolveSchemaCompatibility(old).isCompatibleAsIs());
        assertThrows(
                IOException.class,
                () -> old.readSnapshot(4, new DataInputDeserializer(out.getCopyOfBuffer()), getClass().getClassLoader()));
    }

    @Test
    void theSnapshotOfVersion2IsAcceptedIfItsWordsAreTheSame() throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        byte[] words = serializer.layout().words().getBytes(StandardCharsets.UTF_8);
        out.writeInt(words.length);
        out.write(words);
        out.writeInt(serializer.layout().stride());
        out.writeInt(serializer.layout().objectStride());
        KeyStateSerializerSnapshot old = new KeyStateSerializerSnapshot();
        old.readSnapshot(2, new DataInputDeserializer(out.getCopyOfBuffer()), getClass().getClassLoader());
        assertTrue(serializer.snapshotConfiguration().resolveSchemaCompatibility(old).isCompatibleAsIs());
        KeyState state = old.restoreSerializer().deserialize(new DataInputDeserializer(write(state(3))));
        assertSame(state, serializer.adopt(state));
    }

    private static Plan plan(int generation, String column) {
        return new PlanBuilder()
                .generation(generation)
                .column(column, "double", false)
                .window("1h", Duration.ofHours(1), Duration.ofMinutes(1))
                .feature("sum", 0, "double")
                .build();
    }

    private static KeyStateSerializer serializerOf(Plan plan) {
        CellLayout cells = new CellLayout(plan);
        return new KeyStateSerializer(plan, new ViewWindows(plan, cells), cells);
    }

    private TypeSerializerSnapshot<KeyState> writtenAndRead(KeyStateSerializer of) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        TypeSerializerSnapshot.writeVersionedSnapshot(out, of.snapshotConfiguration());
        return TypeSerializerSnapshot.readVersionedSnapshot(
                new DataInputDeserializer(out.getCopyOfBuffer()), getClass().getClassLoader());
    }

    private KeyState state(int events) {
        KeyState state = windows.newState();
        for (int second = 1; second <= events; second++) {
            windows.add(state, Events.at(second, "a", 2.0, second % 2 == 0 ? null : "n" + second), NO_WATERMARK);
        }
        return state;
    }

    private byte[] write(KeyState state) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        serializer.serialize(state, out);
        return out.getCopyOfBuffer();
    }

    private KeyState read(byte[] bytes) throws IOException {
        DataInputDeserializer in = new DataInputDeserializer(bytes);
        KeyState state = serializer.deserialize(in);
        assertEquals(0, in.available());
        return state;
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
