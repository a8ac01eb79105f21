package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Used only where the sink is not chained to the kernel. */
public final class LogRecordSerializer extends ValueSerializer<LogRecord> {
    public static final LogRecordSerializer INSTANCE = new LogRecordSerializer();
    private static final long serialVersionUID = 1L;

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public LogRecord createInstance() {
        return new LogRecord(new byte[0], null, LogRecord.HEARTBEAT_HEADER, new byte[0], 0, 0);
    }

    @Override
    public LogRecord copy(LogRecord from) {
        return from;
    }

    @Override
    public void serialize(LogRecord record, DataOutputView target) throws IOException {
        target.writeBoolean(record.isHeartbeat());
        writeBytes(record.key(), target);
        if (!record.isHeartbeat()) {
            writeBytes(record.value(), target);
        }
        writeBytes(record.header(), target);
        target.writeInt(record.partition());
        target.writeLong(record.timestampMs());
    }

    @Override
    public LogRecord deserialize(DataInputView source) throws IOException {
        boolean heartbeat = source.readBoolean();
        return new LogRecord(
                readBytes(source),
                heartbeat ? null : readBytes(source),
                heartbeat ? LogRecord.HEARTBEAT_HEADER : LogRecord.ROW_HEADER,
                readBytes(source),
                source.readInt(),
                source.readLong());
    }

    @Override
    public TypeSerializerSnapshot<LogRecord> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Names the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<LogRecord> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
