package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** Length as 32-bit big-endian, then the bytes. Keys of savepoints are written so; never change it. */
public final class KeySerializer extends ValueSerializer<Key> {
    public static final KeySerializer INSTANCE = new KeySerializer();
    private static final long serialVersionUID = 1L;

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public Key createInstance() {
        return new Key(new byte[0]);
    }

    @Override
    public Key copy(Key from) {
        return from;
    }

    @Override
    public void serialize(Key key, DataOutputView target) throws IOException {
        byte[] bytes = key.bytes();
        target.writeInt(bytes.length);
        target.write(bytes);
    }

    @Override
    public Key deserialize(DataInputView source) throws IOException {
        byte[] bytes = new byte[source.readInt()];
        source.readFully(bytes);
        return new Key(bytes);
    }

    @Override
    public TypeSerializerSnapshot<Key> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Names the format; its class name is what a savepoint remembers. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Key> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
