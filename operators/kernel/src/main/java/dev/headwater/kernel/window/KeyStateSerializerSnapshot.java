package dev.headwater.kernel.window;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What a savepoint remembers of the serializer: the layout of the tiles in words, and their strides. A job whose view
 * lays its tiles out otherwise is refused, since it would read one aggregate's slots as another's.
 */
public final class KeyStateSerializerSnapshot implements TypeSerializerSnapshot<KeyState> {
    private KeyStateSerializer serializer;

    /** For Flink, which then calls {@link #readSnapshot}. */
    public KeyStateSerializerSnapshot() {}

    KeyStateSerializerSnapshot(KeyStateSerializer serializer) {
        this.serializer = serializer;
    }

    @Override
    public int getCurrentVersion() {
        return KeyStateSerializer.VERSION;
    }

    @Override
    public void writeSnapshot(DataOutputView out) throws IOException {
        out.writeUTF(serializer.layout());
        out.writeInt(serializer.stride());
        out.writeInt(serializer.objectStride());
    }

    @Override
    public void readSnapshot(int version, DataInputView in, ClassLoader loader) throws IOException {
        if (version < 1 || version > KeyStateSerializer.VERSION) {
            throw new IOException("key states of version " + version + "; this kernel reads versions up to "
                    + KeyStateSerializer.VERSION);
        }
        serializer = new KeyStateSerializer(in.readUTF(), in.readInt(), in.readInt());
    }

    @Override
    public TypeSerializer<KeyState> restoreSerializer() {
        return serializer;
    }

    @Override
    public TypeSerializerSchemaCompatibility<KeyState> resolveSchemaCompatibility(
            TypeSerializerSnapshot<KeyState> oldSnapshot) {
        boolean same = oldSnapshot instanceof KeyStateSerializerSnapshot old && old.serializer.equals(serializer);
        return same
                ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                : TypeSerializerSchemaCompatibility.incompatible();
    }
}
