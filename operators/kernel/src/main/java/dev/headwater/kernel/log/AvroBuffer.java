package dev.headwater.kernel.log;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Writes Avro's binary encoding into an array that is reused, growing as needed. A union here is [null, type]. */
final class AvroBuffer {
    private static final int FIRST_BYTES = 512;
    private static final int LONGEST_VARINT = 10;
    private static final VarHandle LITTLE_ENDIAN =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private byte[] bytes = new byte[FIRST_BYTES];
    private int length;

    void clear() {
        length = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, length);
    }

    void writeNull() {
        writeFixed((byte) 0);
    }

    void writeNotNull() {
        writeFixed((byte) 2);
    }

    void writeFixed(byte value) {
        reserve(1);
        bytes[length++] = value;
    }

    /** Big-endian: not Avro, but the framing's. */
    void writeInt32(int value) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            writeFixed((byte) (value >>> shift));
        }
    }

    void writeLong(long value) {
        reserve(LONGEST_VARINT);
        long rest = value << 1 ^ value >> 63;
        int at = length;
        while ((rest & ~0x7fL) != 0) {
            bytes[at++] = (byte) (rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        bytes[at++] = (byte) rest;
        length = at;
    }

    void writeDouble(long rawBits) {
        reserve(Long.BYTES);
        LITTLE_ENDIAN.set(bytes, length, rawBits);
        length += Long.BYTES;
    }

    void writeBytes(byte[] value) {
        writeLong(value.length);
        writeRaw(value);
    }

    void writeRaw(byte[] value) {
        reserve(value.length);
        System.arraycopy(value, 0, bytes, length, value.length);
        length += value.length;
    }

    private void reserve(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }
}
