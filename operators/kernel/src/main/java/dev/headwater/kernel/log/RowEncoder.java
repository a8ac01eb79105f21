package dev.headwater.kernel.log;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.aggregate.Values;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.ValueType;
import dev.headwater.kernel.window.KeyState;
import dev.headwater.kernel.window.ViewWindows;
import dev.headwater.kernel.window.WindowScan;
import java.nio.ByteBuffer;

/**
 * Makes a row of the feature log from a key's state: the Avro value in Confluent's framing, and a header of 65 bytes
 * that says in fixed places what a materializer needs (big-endian: generation, clock, n, greatest event time, greatest
 * Kafka timestamp, time of emission, empty at, next change as 64-bit numbers, and the cause as a byte).
 *
 * <p>The value starts with the entity's fields, whose Avro encoding in order is the canonical key itself.
 */
public final class RowEncoder {
    private static final int HEADER_BYTES = 65;
    private static final byte FRAME = 0;
    private static final int CAUSE_EVENT = 0;
    private static final int CAUSE_EXPIRY = 1;

    private final long generation;
    private final int partitions;
    private final int schemaId;
    private final ValueType[] types;
    /** Most features are one number; those are told apart at once. */
    private final boolean[] isLong;

    private final boolean[] isDouble;
    private final int windows;
    private final WindowScan scan;
    private final AvroBuffer buffer = new AvroBuffer();

    /** Throws {@link dev.headwater.kernel.plan.PlanException} if the plan's log schema is not the one written here. */
    public RowEncoder(Plan plan, ViewWindows view, CellLayout layout, int logSchemaId) {
        LogSchema.check(plan);
        generation = plan.generation();
        partitions = plan.logPartitions();
        schemaId = logSchemaId;
        types = plan.features().stream().map(Plan.Feature::type).toArray(ValueType[]::new);
        isLong = new boolean[types.length];
        isDouble = new boolean[types.length];
        for (int f = 0; f < types.length; f++) {
            isLong[f] = types[f].equals(ValueType.LONG);
            isDouble[f] = types[f].equals(ValueType.DOUBLE);
        }
        windows = plan.windows().size();
        scan = new WindowScan(plan, view, layout);
    }

    /** The row of the key as it stands, written at this wall time. */
    public LogRecord encode(Key key, KeyState state, long nowMs) {
        scan.scan(state);
        int cause = state.eventSinceRow ? CAUSE_EVENT : CAUSE_EXPIRY;
        byte[] value = value(key, state, nowMs, cause);
        return new LogRecord(
                key.bytes(), value, LogRecord.ROW_HEADER, header(state, nowMs, cause), key.partition(partitions), nowMs);
    }

    private byte[] header(KeyState state, long nowMs, int cause) {
        long nextChangeUs = WindowScan.NEVER;
        long emptyAtUs = state.clockUs;
        for (int w = 0; w < windows; w++) {
            nextChangeUs = Math.min(nextChangeUs, scan.nextChangeUs(w));
            if (scan.emptyAtUs(w) != WindowScan.NEVER) {
                emptyAtUs = Math.max(emptyAtUs, scan.emptyAtUs(w));
            }
        }
        return ByteBuffer.allocate(HEADER_BYTES)
                .putLong(generation)
                .putLong(state.clockUs)
                .putLong(state.n)
                .putLong(state.greatestEventUs)
                .putLong(state.greatestIngestedMs)
                .putLong(nowMs)
                .putLong(emptyAtUs)
                .putLong(nextChangeUs)
                .put((byte) cause)
                .array();
    }

    private byte[] value(Key key, KeyState state, long nowMs, int cause) {
        buffer.clear();
        buffer.writeFixed(FRAME);
        buffer.writeInt32(schemaId);
        buffer.writeRaw(key.bytes());
        buffer.writeLong(generation);
        buffer.writeLong(state.clockUs);
        buffer.writeLong(state.n);
        buffer.writeLong(state.greatestEventUs);
        buffer.writeLong(state.greatestIngestedMs);
        buffer.writeLong(nowMs);
        buffer.writeLong(cause);
        for (int w = 0; w < windows; w++) {
            writeTime(scan.nextChangeUs(w));
            writeTime(scan.emptyAtUs(w));
        }
        Values values = scan.values();
        for (int f = 0; f < types.length; f++) {
            if (values.isNull(f)) {
                buffer.writeNull();
            } else if (isLong[f]) {
                buffer.writeNotNullLong(values.number(f));
            } else if (isDouble[f]) {
                buffer.writeNotNullDouble(values.number(f));
            } else {
                buffer.writeNotNull();
                ValueEncoder.write(values, f, types[f], buffer);
            }
        }
        return buffer.toBytes();
    }

    private void writeTime(long timeUs) {
        if (timeUs == WindowScan.NEVER) {
            buffer.writeNull();
        } else {
            buffer.writeNotNullLong(timeUs);
        }
    }
}
