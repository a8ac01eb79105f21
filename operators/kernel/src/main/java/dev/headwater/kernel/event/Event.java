package dev.headwater.kernel.event;

import java.util.Arrays;
import org.apache.flink.api.common.typeinfo.TypeInformation;

/**
 * One valid event of an entity, decoded and validated, or a heartbeat of a source subtask. Mutable and safe to reuse:
 * whoever keeps something of it keeps the key or a blob, and those are never reused.
 *
 * <p>Values stand by plan column. A column's value is null, or a number (a long as it is, a double as its raw bits, a
 * boolean as 0 or 1), or a blob (the UTF-8 bytes of a string; bytes; or a vector's doubles, eight bytes each, big-endian).
 * The accessor must fit the column's type.
 */
public final class Event {
    public static final TypeInformation<Event> TYPE = new ValueTypeInfo<>(Event.class, false, EventSerializer.INSTANCE);

    /** The entity; of a heartbeat, any key that leads to the kernel subtask meant. */
    public Key key;
    /** Microseconds since 1970, never negative. */
    public long eventTimeUs;
    /** The Kafka record's timestamp. */
    public long ingestedAtMs;
    /** Index into the plan's sources. */
    public int source;
    public int partition;
    public long offset;
    /** The event's id, see EventIds; null if its source declares none. Not to be changed. */
    public byte[] id;
    /** The event's place in the array that its record was exploded from, else 0. */
    public int index;

    /** True if this is no event but says how far a source subtask is; then only key, source and what follows count. */
    public boolean heartbeat;
    public int sourceSubtask;
    public int sourceParallelism;
    /** The source subtask has passed on all that it could read at this wall time. */
    public long asOfMs;

    private long[] present;
    private long[] numbers;
    private byte[][] blobs;

    /** An event of so many columns, all of them null. */
    public Event(int columns) {
        present = new long[(columns + 63) >> 6];
        numbers = new long[columns];
        blobs = null;
    }

    /** A heartbeat of one source subtask for the kernel subtask that the key leads to. */
    public static Event heartbeat(Key key, int source, int sourceSubtask, int sourceParallelism, long asOfMs) {
        Event event = new Event(0);
        event.key = key;
        event.heartbeat = true;
        event.source = source;
        event.sourceSubtask = sourceSubtask;
        event.sourceParallelism = sourceParallelism;
        event.asOfMs = asOfMs;
        return event;
    }

    public int columns() {
        return numbers.length;
    }

    public boolean isNull(int column) {
        return (present[column >> 6] >>> column & 1) == 0;
    }

    /** The long, the double's raw bits, or 0 or 1. Undefined if the column is null. */
    public long number(int column) {
        return numbers[column];
    }

    /** Of a boolean column; a null is not true. */
    public boolean isTrue(int column) {
        return !isNull(column) && numbers[column] == 1;
    }

    public double decimal(int column) {
        return Double.longBitsToDouble(numbers[column]);
    }

    /** UTF-8 of a string, or bytes; not to be changed. Undefined if the column is null. */
    public byte[] blob(int column) {
        return blobs[column];
    }

    public void setNull(int column) {
        present[column >> 6] &= ~(1L << column);
        if (blobs != null) {
            blobs[column] = null;
        }
    }

    public void setNumber(int column, long value) {
        present[column >> 6] |= 1L << column;
        numbers[column] = value;
    }

    public void setDecimal(int column, double value) {
        setNumber(column, Double.doubleToRawLongBits(value));
    }

    public void setBoolean(int column, boolean value) {
        setNumber(column, value ? 1 : 0);
    }

    /** The array is kept, not copied: it must never be changed. */
    public void setBlob(int column, byte[] value) {
        if (blobs == null) {
            blobs = new byte[numbers.length][];
        }
        present[column >> 6] |= 1L << column;
        blobs[column] = value;
    }

    /** Makes every column null and this an event rather than a heartbeat, before it is filled again. */
    public void clear() {
        heartbeat = false;
        id = null;
        index = 0;
        Arrays.fill(present, 0);
        if (blobs != null) {
            Arrays.fill(blobs, null);
        }
    }

    /** True if the column holds a blob. */
    public boolean isBlob(int column) {
        return blobs != null && blobs[column] != null;
    }

    /** Shares only what is immutable: the key, the id and the blobs' bytes. */
    Event copy() {
        Event copy = new Event(0);
        copy.key = key;
        copy.eventTimeUs = eventTimeUs;
        copy.ingestedAtMs = ingestedAtMs;
        copy.source = source;
        copy.partition = partition;
        copy.offset = offset;
        copy.id = id;
        copy.index = index;
        copy.heartbeat = heartbeat;
        copy.sourceSubtask = sourceSubtask;
        copy.sourceParallelism = sourceParallelism;
        copy.asOfMs = asOfMs;
        copy.present = present.clone();
        copy.numbers = numbers.clone();
        copy.blobs = blobs == null ? null : blobs.clone();
        return copy;
    }
}
