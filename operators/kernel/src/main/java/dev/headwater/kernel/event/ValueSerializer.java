package dev.headwater.kernel.event;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A serializer without configuration for values of no fixed length. */
abstract class ValueSerializer<T> extends TypeSerializerSingleton<T> {
    private static final long serialVersionUID = 1L;

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public T copy(T from, T reuse) {
        return copy(from);
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public T deserialize(T reuse, DataInputView source) throws IOException {
        return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        serialize(deserialize(source), target);
    }

    static void writeBytes(byte[] bytes, DataOutputView target) throws IOException {
        writeLength(bytes.length, target);
        target.write(bytes);
    }

    static byte[] readBytes(DataInputView source) throws IOException {
        byte[] bytes = new byte[readLength(source)];
        source.readFully(bytes);
        return bytes;
    }

    /** Seven bits a byte, least first. */
    static void writeLength(int value, DataOutputView target) throws IOException {
        int rest = value;
        while ((rest & ~0x7f) != 0) {
            target.writeByte(rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        target.writeByte(rest);
    }

    static int readLength(DataInputView source) throws IOException {
        int value = 0;
        int shift = 0;
        byte b;
        do {
            b = source.readByte();
            value |= (b & 0x7f) << shift;
            shift += 7;
        } while (b < 0);
        return value;
    }
}
