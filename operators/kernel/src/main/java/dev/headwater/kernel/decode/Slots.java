package dev.headwater.kernel.decode;

import java.util.Arrays;

/**
 * The values that one event has at the paths that a plan names. A slot is null until it is set: a path with a null on
 * it leaves its slot alone. Longs, doubles (raw bits) and booleans (0 or 1) stand in {@link #longs}; strings (UTF-8)
 * and bytes are a range of an array that is not ours. One per thread, reused.
 */
final class Slots {
    final long[] longs;
    final byte[][] blobs;
    final int[] from;
    final int[] length;
    final boolean[] present;
    /** The elements of the exploded array; none if it is null. */
    final Elements elements = new Elements();

    Slots(int size) {
        longs = new long[size];
        blobs = new byte[size][];
        from = new int[size];
        length = new int[size];
        present = new boolean[size];
    }

    void clear() {
        Arrays.fill(present, false);
        elements.clear();
    }

    void setNull(int slot) {
        present[slot] = false;
    }

    void setLong(int slot, long value) {
        longs[slot] = value;
        present[slot] = true;
    }

    void setDouble(int slot, double value) {
        setLong(slot, Double.doubleToRawLongBits(value));
    }

    void setBlob(int slot, byte[] bytes, int start, int size) {
        blobs[slot] = bytes;
        from[slot] = start;
        length[slot] = size;
        present[slot] = true;
    }
}
