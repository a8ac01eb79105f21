package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What came out of one record of a source: an event (of several, if an array was exploded), what is kept of a record that
 * was rejected, or only that a record without events was read. Mutable and reused by the source: it must be taken apart
 * before the next one.
 */
public final class Decoded {
    public static final TypeInformation<Decoded> TYPE = new ValueTypeInfo<>(Decoded.class, false, Serializer.INSTANCE);

    private Event event;
    private DeadLetter rejected;
    private int partition;
    private long timestampMs;

    public Decoded setEvent(Event value) {
        event = value;
        rejected = null;
        partition = value.partition;
        timestampMs = value.ingestedAtMs;
        return this;
    }

    public Decoded setRejected(DeadLetter value) {
        event = null;
        rejected = value;
        partition = value.partition();
        timestampMs = value.recordTimestampMs();
        return this;
    }

    /** A record of this partition and Kafka timestamp gave no event, and nothing is wrong with it. */
    public Decoded setEmpty(int ofPartition, long ofTimestampMs) {
        event = null;
        rejected = null;
        partition = ofPartition;
        timestampMs = ofTimestampMs;
        return this;
    }

    public boolean isEvent() {
        return event != null;
    }

    public boolean isRejected() {
        return rejected != null;
    }

    public Event event() {
        return event;
    }

    public DeadLetter rejected() {
        return rejected;
    }

    /** The partition that the record came from. */
    public int partition() {
        return partition;
    }

    /** The record's Kafka timestamp. */
    public long timestampMs() {
        return timestampMs;
    }

    /** Only for a graph in which the router is not chained to its source. */
    public static final class Serializer extends ValueSerializer<Decoded> {
        public static final Serializer INSTANCE = new Serializer();
        private static final long serialVersionUID = 1L;
        private static final byte REJECTED = 0;
        private static final byte EVENT = 1;
        private static final byte EMPTY = 2;

        @Override
        public Decoded createInstance() {
            return new Decoded();
        }

        @Override
        public Decoded copy(Decoded from) {
            Decoded copy = new Decoded();
            if (from.isEvent()) {
                return copy.setEvent(from.event.copy());
            }
            return from.isRejected() ? copy.setRejected(from.rejected) : copy.setEmpty(from.partition, from.timestampMs);
        }

        @Override
        public void serialize(Decoded decoded, DataOutputView target) throws IOException {
            if (decoded.isEvent()) {
                target.writeByte(EVENT);
                EventSerializer.INSTANCE.serialize(decoded.event, target);
            } else if (decoded.isRejected()) {
                target.writeByte(REJECTED);
                DeadLetter.Serializer.INSTANCE.serialize(decoded.rejected, target);
            } else {
                target.writeByte(EMPTY);
                target.writeInt(decoded.partition);
                target.writeLong(decoded.timestampMs);
            }
        }

        @Override
        public Decoded deserialize(DataInputView source) throws IOException {
            return switch (source.readByte()) {
                case EVENT -> new Decoded().setEvent(EventSerializer.INSTANCE.deserialize(source));
                case REJECTED -> new Decoded().setRejected(DeadLetter.Serializer.INSTANCE.deserialize(source));
                default -> new Decoded().setEmpty(source.readInt(), source.readLong());
            };
        }

        @Override
        public TypeSerializerSnapshot<Decoded> snapshotConfiguration() {
            return new Snapshot();
        }
    }

    /** Names the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Decoded> {
        public Snapshot() {
            super(() -> Serializer.INSTANCE);
        }
    }
}
