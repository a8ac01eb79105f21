package dev.headwater.kernel.event;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.HexFormat;
import java.util.Map;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class EventSerializersTest {
    private static final Key KEY = new Key(new byte[] {4, 'a', 'b'});

    @Test
    void anEventOfMoreThan64ColumnsComesBackAsItWas() throws IOException {
        Event event = new Event(130);
        event.key = KEY;
        event.eventTimeUs = 1_700_000_000_000_001L;
        event.ingestedAtMs = 1_700_000_000_002L;
        event.source = 3;
        event.partition = 300;
        event.offset = Long.MAX_VALUE;
        event.index = 65_534;
        event.id = new byte[] {0, 7};
        event.setNumber(0, Long.MIN_VALUE);
        event.setDecimal(64, -0.0);
        event.setBoolean(65, true);
        event.setBlob(129, new byte[] {1, 2});
        event.setBlob(1, new byte[0]);

        Event back = through(EventSerializer.INSTANCE, event);

        assertEquals(KEY, back.key);
        assertEquals(KEY.hashCode(), back.key.hashCode());
        assertEquals(1_700_000_000_000_001L, back.eventTimeUs);
        assertEquals(1_700_000_000_002L, back.ingestedAtMs);
        assertEquals(3, back.source);
        assertEquals(300, back.partition);
        assertEquals(Long.MAX_VALUE, back.offset);
        assertEquals(65_534, back.index);
        assertArrayEquals(new byte[] {0, 7}, back.id);
        assertEquals(Long.MIN_VALUE, back.number(0));
        assertEquals(Double.doubleToRawLongBits(-0.0), back.number(64));
        assertEquals(1, back.number(65));
        assertArrayEquals(new byte[] {1, 2}, back.blob(129));
        assertArrayEquals(new byte[0], back.blob(1));
        for (int column : new int[] {2, 63, 66, 127, 128}) {
            assertTrue(back.isNull(column));
        }
    }

    @Test
    void anEventInFlightOfTheFirstVersionIsStillRead() throws IOException {
        byte[] written = HexFormat.of().parseHex("01" + "03046162" + "03" + "00060a24181e4001" + "0000018bcfe56802" + "ac02"
                + "0000000000000009" + "03" + "00" + "010000000000000005" + "02020102");
        Event back = EventSerializer.INSTANCE.deserialize(new DataInputDeserializer(written));
        assertEquals(KEY, back.key);
        assertEquals(3, back.source);
        assertEquals(0x00060a24181e4001L, back.eventTimeUs);
        assertEquals(300, back.partition);
        assertEquals(9, back.offset);
        assertEquals(0, back.index);
        assertNull(back.id);
        assertTrue(back.isNull(0));
        assertEquals(5, back.number(1));
        assertArrayEquals(new byte[] {1, 2}, back.blob(2));
    }

    @Test
    void aReusedEventKeepsNothingOfTheLastOne() {
        Event event = Event.heartbeat(KEY, 0, 0, 1, 5);
        event = event.copy();
        assertTrue(event.heartbeat);
        Event reused = new Event(2);
        reused.setNumber(0, 1);
        reused.setBlob(1, new byte[1]);
        reused.heartbeat = true;
        reused.clear();
        assertFalse(reused.heartbeat);
        assertTrue(reused.isNull(0));
        assertTrue(reused.isNull(1));
    }

    @Test
    void aCopyOfAnEventDoesNotChangeWithIt() {
        Event event = new Event(1);
        event.key = KEY;
        event.setNumber(0, 1);
        Event copy = EventSerializer.INSTANCE.copy(event);
        event.setNull(0);
        assertEquals(1, copy.number(0));
        assertFalse(copy.isNull(0));
    }

    @Test
    void aSourceHeartbeatComesBackAsItWas() throws IOException {
        Event back = through(EventSerializer.INSTANCE, Event.heartbeat(KEY, 1, 2, 4, 99));
        assertTrue(back.heartbeat);
        assertEquals(1, back.source);
        assertEquals(2, back.sourceSubtask);
        assertEquals(4, back.sourceParallelism);
        assertEquals(99, back.asOfMs);
    }

    @Test
    void aRowAndAHeartbeatOfTheLogComeBackAsTheyWere() throws IOException {
        LogRecord row = new LogRecord(new byte[] {1}, new byte[] {2, 3}, LogRecord.ROW_HEADER, new byte[65], 3, 4);
        LogRecord back = through(LogRecordSerializer.INSTANCE, row);
        assertArrayEquals(row.value(), back.value());
        assertArrayEquals(row.key(), back.key());
        assertArrayEquals(row.header(), back.header());
        assertEquals(LogRecord.ROW_HEADER, back.headerName());
        assertEquals(3, back.partition());
        assertEquals(4, back.timestampMs());

        LogRecord heartbeat = new LogRecord(new byte[15], null, LogRecord.HEARTBEAT_HEADER, new byte[32], 0, 1);
        LogRecord heartbeatBack = through(LogRecordSerializer.INSTANCE, heartbeat);
        assertNull(heartbeatBack.value());
        assertEquals(LogRecord.HEARTBEAT_HEADER, heartbeatBack.headerName());
    }

    @Test
    void aLateEventComesBackAsItWas() throws IOException {
        LateEvent late = new LateEvent(1, 2, 3, KEY, 4, 5);
        assertEquals(late, through(LateEvent.Serializer.INSTANCE, late));
    }

    @Test
    void aDeadLetterComesBackAsItWas() throws IOException {
        Map<String, byte[]> headers = Map.of("trace", new byte[] {1, 2});
        DeadLetter letter = new DeadLetter(
                Reason.TRUNCATED, "ä", "t", 1, 2, 3, 4, new byte[] {5}, 6L, new byte[] {7}, 8, "9", headers, new byte[] {10});
        DeadLetter back = through(DeadLetter.Serializer.INSTANCE, letter);
        assertEquals(Reason.TRUNCATED, back.reason());
        assertEquals("ä", back.detail());
        assertEquals("t", back.topic());
        assertEquals(1, back.partition());
        assertEquals(2, back.offset());
        assertEquals(3, back.recordTimestampMs());
        assertEquals(4, back.schemaId());
        assertArrayEquals(new byte[] {5}, back.entityKey());
        assertEquals(6, back.eventTimeUs());
        assertArrayEquals(new byte[] {7}, back.value());
        assertEquals(8, back.valueBytes());
        assertEquals("9", back.valueSha256());
        assertArrayEquals(new byte[] {1, 2}, back.headers().get("trace"));
        assertArrayEquals(new byte[] {10}, back.recordKey());
    }

    private static <T> T through(TypeSerializer<T> serializer, T value) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        serializer.serialize(value, out);
        DataInputDeserializer in = new DataInputDeserializer(out.getCopyOfBuffer());
        DataOutputSerializer again = new DataOutputSerializer(64);
        serializer.copy(in, again);
        assertEquals(0, in.available());
        return serializer.deserialize(new DataInputDeserializer(again.getCopyOfBuffer()));
    }
}
