package dev.headwater.kernel.window;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
    /** Wrote layouts of at most 64 KiB. */
    private static final int SHORT_LAYOUTS = 1;

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
        byte[] layout = serializer.layout().getBytes(StandardCharsets.UTF_8);
        out.writeInt(layout.length);
        out.write(layout);
        out.writeInt(serializer.stride());
        out.writeInt(serializer.objectStride());
    }

    @Override
    public void readSnapshot(int version, DataInputView in, ClassLoader loader) throws IOException {
        if (version < SHORT_LAYOUTS || version > KeyStateSerializer.VERSION) {
            throw new IOException("key states of version " + version + "; this kernel reads versions up to "
                    + KeyStateSerializer.VERSION);
        }
        String layout = version == SHORT_LAYOUTS ? in.readUTF() : readText(in);
        serializer = new KeyStateSerializer(layout, in.readInt(), in.readInt());
    }

    private static String readText(DataInputView in) throws IOException {
        byte[] text = new byte[in.readInt()];
        in.readFully(text);
        return new String(text, StandardCharsets.UTF_8);
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
