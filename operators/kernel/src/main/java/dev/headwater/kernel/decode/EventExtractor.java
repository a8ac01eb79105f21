package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import java.util.Arrays;
import org.apache.avro.Schema;

/**
 * Turns Avro bodies of one source into events: knows which paths are needed, and checks event time, key, future and
 * finiteness in this order, as the plan's meaning wants. Not thread-safe.
 */
final class EventExtractor {
    static final int MAX_KEY_BYTES = 4096;
    /** A row repeats a text once per feature, and must still be one Kafka record. */
    static final int MAX_BLOB_BYTES = 32 * 1024;

    /** A little more than the longest window before the year 10000, so that no tick lies beyond it. */
    private static final long END_OF_TIME_MS = 253_367_568_000_000L;

    private final Plan.Source source;
    private final Schema reader;
    private final Targets targets = new Targets();
    private final int eventTimeSlot;
    private final int[] keySlots;
    private final ColumnType[] keyTypes;
    private final int[] columnSlots;
    private final ColumnType[] columnTypes;
    private final Slots slots;
    private final byte[] keyBuffer = new byte[MAX_KEY_BYTES + 10];
    private int keyLength;

    /** What could be read of the last event; for the dead letter. */
    private Key key;
    private boolean eventTimeKnown;
    private long eventTimeUs;

    EventExtractor(Plan plan, int sourceIndex) {
        source = plan.sources().get(sourceIndex);
        reader = new Schema.Parser().parse(source.readerSchema());
        int next = 0;
        eventTimeSlot = targets.add(source.eventTimePath(), next++);
        keySlots = new int[source.key().size()];
        keyTypes = new ColumnType[keySlots.length];
        for (int i = 0; i < keySlots.length; i++) {
            keySlots[i] = targets.add(source.key().get(i).path(), next++);
            keyTypes[i] = plan.entity().get(i).type();
        }
        columnSlots = new int[source.columns().size()];
        columnTypes = new ColumnType[columnSlots.length];
        for (int i = 0; i < columnSlots.length; i++) {
            columnSlots[i] = targets.add(source.columns().get(i).path(), next++);
            columnTypes[i] = plan.columns().get(i).type();
        }
        slots = new Slots(next);
    }

    /** The program that reads this writer's events; see {@link FieldProgram#compile}. */
    FieldProgram program(Schema writer) throws RejectedException {
        return FieldProgram.compile(writer, reader, targets);
    }

    /**
     * Reads key, time and columns of one event; the cursor must stand at its body. All the rest of the event is the
     * caller's. Throws if the event must be rejected; {@link #key}, {@link #eventTimeUs} then say what could be read.
     */
    void extract(FieldProgram program, Cursor in, long recordTimestampMs, Event into) throws RejectedException {
        key = null;
        eventTimeKnown = false;
        slots.clear();
        program.run(in, slots);
        if (in.remaining() > 0) {
            throw new RejectedException(Reason.TRAILING_BYTES, in.remaining() + " bytes behind the event");
        }
        if (recordTimestampMs < 0 || recordTimestampMs >= END_OF_TIME_MS) {
            throw new RejectedException(
                    Reason.EVENT_TIME_OUT_OF_RANGE, "the Kafka timestamp is " + recordTimestampMs + ", not within 1970 to 9998");
        }
        readEventTime();
        readKey();
        // Exact for microseconds too: an event half a millisecond too far ahead is too far ahead.
        if (eventTimeUs > (recordTimestampMs + source.allowedSkewMs()) * 1000) {
            throw new RejectedException(
                    Reason.FUTURE_EVENT, "event time is " + (eventTimeUs / 1000 - recordTimestampMs) + " ms after the Kafka timestamp");
        }
        into.key = key;
        into.eventTimeUs = eventTimeUs;
        for (int column = 0; column < columnSlots.length; column++) {
            readColumn(column, into);
        }
    }

    /** Null if the key could not be read. */
    byte[] keyRead() {
        return key == null ? null : key.bytes();
    }

    /** Null if the event time could not be read. */
    Long eventTimeRead() {
        return eventTimeKnown ? eventTimeUs : null;
    }

    private void readEventTime() throws RejectedException {
        if (!slots.present[eventTimeSlot]) {
            throw new RejectedException(Reason.MISSING_EVENT_TIME, source.eventTimePath() + " is null");
        }
        long time = slots.longs[eventTimeSlot];
        long unitsPerMs = source.eventTimeInMicros() ? 1000 : 1;
        if (time < 0 || time >= END_OF_TIME_MS * unitsPerMs) {
            throw new RejectedException(
                    Reason.EVENT_TIME_OUT_OF_RANGE, source.eventTimePath() + " is " + time + ", not within 1970 to 9998");
        }
        eventTimeUs = time * (1000 / unitsPerMs);
        eventTimeKnown = true;
    }

    private void readKey() throws RejectedException {
        keyLength = 0;
        long needed = 0;
        for (int i = 0; i < keySlots.length; i++) {
            int slot = keySlots[i];
            boolean blob = keyTypes[i].isBlob();
            if (!slots.present[slot] || (blob && slots.length[slot] == 0)) {
                throw new RejectedException(
                        Reason.MISSING_KEY, source.key().get(i).path() + (slots.present[slot] ? " is empty" : " is null"));
            }
            needed += blob ? slots.length[slot] : 0;
        }
        for (int i = 0; i < keySlots.length && needed <= MAX_KEY_BYTES; i++) {
            append(keyTypes[i], keySlots[i]);
            needed = Math.max(needed, keyLength);
        }
        if (needed > MAX_KEY_BYTES) {
            throw new RejectedException(Reason.KEY_TOO_LONG, "a key of more than " + MAX_KEY_BYTES + " bytes");
        }
        key = new Key(Arrays.copyOf(keyBuffer, keyLength));
    }

    private void append(ColumnType type, int slot) {
        if (type == ColumnType.BOOLEAN) {
            keyBuffer[Math.min(keyLength++, MAX_KEY_BYTES)] = (byte) slots.longs[slot];
        } else if (type == ColumnType.LONG) {
            appendVarint(slots.longs[slot]);
        } else {
            int length = slots.length[slot];
            appendVarint(length);
            if (keyLength + length <= MAX_KEY_BYTES) {
                System.arraycopy(slots.blobs[slot], slots.from[slot], keyBuffer, keyLength, length);
            }
            keyLength += length;
        }
    }

    private void appendVarint(long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            keyBuffer[Math.min(keyLength++, MAX_KEY_BYTES)] = (byte) (rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        keyBuffer[Math.min(keyLength++, MAX_KEY_BYTES)] = (byte) rest;
    }

    private void readColumn(int column, Event into) throws RejectedException {
        int slot = columnSlots[column];
        if (!slots.present[slot]) {
            return;
        }
        ColumnType type = columnTypes[column];
        if (!type.isBlob()) {
            long bits = slots.longs[slot];
            if (type == ColumnType.DOUBLE && !Double.isFinite(Double.longBitsToDouble(bits))) {
                throw new RejectedException(
                        Reason.NOT_FINITE, source.columns().get(column).path() + " is " + Double.longBitsToDouble(bits));
            }
            into.setNumber(column, bits);
            return;
        }
        int length = slots.length[slot];
        if (length > MAX_BLOB_BYTES) {
            throw Cursor.malformed(
                    source.columns().get(column).path() + " has " + length + " bytes, at most " + MAX_BLOB_BYTES + " are aggregated");
        }
        int from = slots.from[slot];
        into.setBlob(column, Arrays.copyOfRange(slots.blobs[slot], from, from + length));
    }
}
