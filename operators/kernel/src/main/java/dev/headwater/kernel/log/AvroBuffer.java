package dev.headwater.kernel.log;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Writes Avro's binary encoding into an array that is reused, growing as needed. A union here is [null, type]. */
final class AvroBuffer {
    private static final int FIRST_BYTES = 512;
    private static final int LONGEST_VARINT = 10;
    private static final byte NOT_NULL = 2;
    private static final long MORE = 0x8080808080808080L;
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
        writeFixed(NOT_NULL);
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
        length = putVarint(value << 1 ^ value >> 63, length);
    }

    /** The second branch of a union of null and long. */
    void writeNotNullLong(long value) {
        reserve(1 + LONGEST_VARINT);
        bytes[length] = NOT_NULL;
        length = putVarint(value << 1 ^ value >> 63, length + 1);
    }

    void writeDouble(long rawBits) {
        reserve(Long.BYTES);
        LITTLE_ENDIAN.set(bytes, length, rawBits);
        length += Long.BYTES;
    }

    /** The second branch of a union of null and double. */
    void writeNotNullDouble(long rawBits) {
        reserve(1 + Long.BYTES);
        bytes[length] = NOT_NULL;
        LITTLE_ENDIAN.set(bytes, length + 1, rawBits);
        length += 1 + Long.BYTES;
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

    /**
     * Puts seven bits into each byte, the lowest first; all but the last have their highest bit set. Up to eight bytes,
     * which all times take, are spread at once: halves, quarters and eighths of the number move apart.
     */
    private int putVarint(long number, int at) {
        if (number >>> 7 == 0) {
            bytes[at] = (byte) number;
            return at + 1;
        }
        if (number >>> 56 == 0) {
            int size = (Long.SIZE + 6 - Long.numberOfLeadingZeros(number)) / 7;
            long spread = number & 0xfffffffL | (number & 0xfffffff0000000L) << 4;
            spread = spread & 0x3fff00003fffL | (spread & 0xfffc0000fffc000L) << 2;
            spread = spread & 0x7f007f007f007fL | (spread & 0x3f803f803f803f80L) << 1;
            LITTLE_ENDIAN.set(bytes, at, spread | MORE & (1L << 8 * (size - 1)) - 1);
            return at + size;
        }
        while ((number & ~0x7fL) != 0) {
            bytes[at++] = (byte) (number & 0x7f | 0x80);
            number >>>= 7;
        }
        bytes[at++] = (byte) number;
        return at;
    }

    private void reserve(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
        }
    }
}
