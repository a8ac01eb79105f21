package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * One record of a source: an event, or what is kept of one that was rejected. Exactly one of the two is set. Mutable and
 * reused by the source: it must be taken apart before the next record is read.
 */
public final class Decoded {
    public static final TypeInformation<Decoded> TYPE = new ValueTypeInfo<>(Decoded.class, false, Serializer.INSTANCE);

    private Event event;
    private DeadLetter rejected;

    public Decoded setEvent(Event value) {
        event = value;
        rejected = null;
        return this;
    }

    public Decoded setRejected(DeadLetter value) {
        event = null;
        rejected = value;
        return this;
    }

    public boolean isEvent() {
        return event != null;
    }

    public Event event() {
        return event;
    }

    public DeadLetter rejected() {
        return rejected;
    }

    /** Only for a graph in which the router is not chained to its source. */
    public static final class Serializer extends ValueSerializer<Decoded> {
        public static final Serializer INSTANCE = new Serializer();
        private static final long serialVersionUID = 1L;

        @Override
        public Decoded createInstance() {
            return new Decoded();
        }

        @Override
        public Decoded copy(Decoded from) {
            Decoded copy = new Decoded();
            return from.isEvent() ? copy.setEvent(from.event.copy()) : copy.setRejected(from.rejected);
        }

        @Override
        public void serialize(Decoded decoded, DataOutputView target) throws IOException {
            target.writeBoolean(decoded.isEvent());
            if (decoded.isEvent()) {
                EventSerializer.INSTANCE.serialize(decoded.event, target);
            } else {
                DeadLetter.Serializer.INSTANCE.serialize(decoded.rejected, target);
            }
        }

        @Override
        public Decoded deserialize(DataInputView source) throws IOException {
            return source.readBoolean()
                    ? new Decoded().setEvent(EventSerializer.INSTANCE.deserialize(source))
                    : new Decoded().setRejected(DeadLetter.Serializer.INSTANCE.deserialize(source));
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
