package dev.headwater.kernel.log;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.harness.Row;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.window.KeyState;
import dev.headwater.kernel.window.ViewWindows;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RowEncoderTest {
    private static final Plan PLAN = new PlanBuilder()
            .generation(3)
            .column("note", "string", false)
            .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(10))
            .feature("last", 0, "string")
            .window("5m", Duration.ofMinutes(5), Duration.ofSeconds(10))
            .feature("count", null, "long")
            .build();

    private final CellLayout layout = new CellLayout(PLAN);
    private final ViewWindows windows = new ViewWindows(PLAN, layout);
    private final RowEncoder encoder = new RowEncoder(PLAN, windows, layout, KernelDriver.LOG_SCHEMA_ID);

    /** Events at 25 and 131; at clock 131 the minute starts at 70, the five minutes at -170. */
    @Test
    void theHeaderSaysInFixedPlacesWhatTheValueSays() {
        KeyState state = windows.newState();
        add(state, Events.at(131, "bob", "x"));
        Event early = Events.at(25, "bob", "y");
        early.ingestedAtMs = 999_999;
        add(state, early);

        LogRecord record = encoder.encode(early.key, state, 777);

        byte[] header = ByteBuffer.allocate(65)
                .putLong(3)
                .putLong(131_000_000)
                .putLong(2)
                .putLong(131_000_000)
                .putLong(999_999)
                .putLong(777)
                .putLong(440_000_000)
                .putLong(200_000_000)
                .put((byte) 0)
                .array();
        assertArrayEquals(header, record.header());
        assertEquals(LogRecord.ROW_HEADER, record.headerName());
        assertEquals(777, record.timestampMs());
        assertEquals(early.key.partition(4), record.partition());
        assertArrayEquals(early.key.bytes(), record.key());
        assertEquals(
                "{\"user\": \"bob\", \"generation\": 3, \"clock\": 131000000, \"n\": 2, \"event_time\": 131000000, "
                        + "\"ingested_at\": 999999, \"computed_at\": 777, \"cause\": \"EVENT\", "
                        + "\"next_change_1m\": 200000000, \"empty_at_1m\": 200000000, "
                        + "\"next_change_5m\": 330000000, \"empty_at_5m\": 440000000, \"f0\": \"x\", \"f1\": 2}",
                Row.of(PLAN, record).value().toString());
    }

    @Test
    void anEmptyRowIsEmptyFromItsClockOnAndNeverChanges() {
        KeyState state = windows.newState();
        add(state, Events.at(25, "bob", "x"));
        state.rowWritten();
        windows.advance(state, 1_000_000_000);
        Row row = Row.of(PLAN, encoder.encode(Events.key("bob"), state, 777));
        assertEquals("bob 330.0 0 EXPIRY", row.brief());
        assertEquals(330.0, row.emptyAt());
        assertEquals(Long.MAX_VALUE, row.header().getLong(56));
        assertEquals(null, row.value().get("empty_at_5m"));
    }

    @Test
    void aValueLongerThanTheBufferIsWrittenWhole() {
        KeyState state = windows.newState();
        add(state, Events.at(25, "bob", "x".repeat(100_000)));
        Row row = Row.of(PLAN, encoder.encode(Events.key("bob"), state, 777));
        assertEquals("x".repeat(100_000), row.feature(0));
    }

    @Test
    void aLogSchemaThatTheKernelDoesNotWriteIsRefusedByField() {
        Plan other = Plan.parse(PLAN.json().replace("\"next_change_5m\"", "\"next_change_6m\""));
        PlanException refused = assertThrows(PlanException.class, () -> new RowEncoder(other, windows, layout, 1));
        assertTrue(refused.getMessage().contains("'next_change_6m null|long', the kernel writes 'next_change_5m null|long'"));
    }

    private void add(KeyState state, Event event) {
        windows.add(state, event, Long.MIN_VALUE);
    }
}
