package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** The position of an event that no window of its key can contain any more. {@code source} indexes the plan's sources. */
public record LateEvent(int source, int partition, long offset, Key key, long eventTimeUs, long ingestedAtMs) {
    public static final TypeInformation<LateEvent> TYPE =
            new ValueTypeInfo<>(LateEvent.class, false, Serializer.INSTANCE);

    /** Used where the late output leaves the kernel's task. */
    public static final class Serializer extends ValueSerializer<LateEvent> {
        public static final Serializer INSTANCE = new Serializer();
        private static final long serialVersionUID = 1L;

        @Override
        public boolean isImmutableType() {
            return true;
        }

        @Override
        public LateEvent createInstance() {
            return new LateEvent(0, 0, 0, KeySerializer.INSTANCE.createInstance(), 0, 0);
        }

        @Override
        public LateEvent copy(LateEvent from) {
            return from;
        }

        @Override
        public void serialize(LateEvent late, DataOutputView target) throws IOException {
            target.writeInt(late.source);
            target.writeInt(late.partition);
            target.writeLong(late.offset);
            KeySerializer.INSTANCE.serialize(late.key, target);
            target.writeLong(late.eventTimeUs);
            target.writeLong(late.ingestedAtMs);
        }

        @Override
        public LateEvent deserialize(DataInputView source) throws IOException {
            return new LateEvent(
                    source.readInt(),
                    source.readInt(),
                    source.readLong(),
                    KeySerializer.INSTANCE.deserialize(source),
                    source.readLong(),
                    source.readLong());
        }

        @Override
        public TypeSerializerSnapshot<LateEvent> snapshotConfiguration() {
            return new Snapshot();
        }
    }

    /** Names the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<LateEvent> {
        public Snapshot() {
            super(() -> Serializer.INSTANCE);
        }
    }
}
