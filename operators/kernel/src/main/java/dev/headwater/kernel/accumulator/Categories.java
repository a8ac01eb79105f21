package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The count of each category, for those of the least hashes, and one count of all others. A category that has one of
 * the least hashes in a window has one in each of its tiles, so whether it is kept, and what it counts, depends on the
 * window's events alone.
 */
public final class Categories implements Accumulator {
    /** Stands for all categories that have no count of their own, and for itself. */
    private static final byte[] OTHERS = "__other__".getBytes(StandardCharsets.UTF_8);

    /** By unsigned hash, then text. */
    private long[] hashes;

    private byte[][] texts;
    private long[] counts;
    private int size;
    private long others;

    public Categories() {
        this(1);
    }

    private Categories(int capacity) {
        hashes = new long[capacity];
        texts = new byte[capacity][];
        counts = new long[capacity];
    }

    public void add(byte[] text, int limit) {
        if (Arrays.equals(text, OTHERS)) {
            others++;
        } else {
            add(Texts.hash(text), text, 1, limit);
        }
    }

    public void merge(Categories other, int limit) {
        others += other.others;
        for (int i = 0; i < other.size; i++) {
            add(other.hashes[i], other.texts[i], other.counts[i], limit);
        }
    }

    /** The categories by text, and last, if there are any, the others. */
    public TextMap counts() {
        Integer[] order = new Integer[size];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Arrays.compareUnsigned(texts[a], texts[b]));
        TextMap map = new TextMap(size + 1);
        for (int i : order) {
            map.add(texts[i], counts[i]);
        }
        if (others > 0) {
            map.add(OTHERS, others);
        }
        return map;
    }

    private void add(long hash, byte[] text, long count, int limit) {
        int at = place(hash, text);
        if (at >= 0) {
            counts[at] += count;
            return;
        }
        at = -at - 1;
        if (at == limit) {
            others += count;
            return;
        }
        if (size == limit) {
            others += counts[--size];
        }
        insert(at, hash, text, count);
    }

    /** The category's place, or, if it is not there, -1 minus the place where it belongs. */
    private int place(long hash, byte[] text) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int order = Long.compareUnsigned(hashes[middle], hash);
            if (order == 0) {
                order = Arrays.compareUnsigned(texts[middle], text);
            }
            if (order == 0) {
                return middle;
            }
            if (order < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return -low - 1;
    }

    private void insert(int at, long hash, byte[] text, long count) {
        if (size == hashes.length) {
            hashes = Arrays.copyOf(hashes, size * 2);
            texts = Arrays.copyOf(texts, size * 2);
            counts = Arrays.copyOf(counts, size * 2);
        }
        System.arraycopy(hashes, at, hashes, at + 1, size - at);
        System.arraycopy(texts, at, texts, at + 1, size - at);
        System.arraycopy(counts, at, counts, at + 1, size - at);
        hashes[at] = hash;
        texts[at] = text;
        counts[at] = count;
        size++;
    }

    @Override
    public byte tag() {
        return TileObjects.CATEGORIES;
    }

    @Override
    public Categories copy() {
        Categories copy = new Categories(0);
        int capacity = Math.max(1, size);
        copy.hashes = Arrays.copyOf(hashes, capacity);
        copy.texts = Arrays.copyOf(texts, capacity);
        copy.counts = Arrays.copyOf(counts, capacity);
        copy.size = size;
        copy.others = others;
        return copy;
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeLong(others);
        out.writeInt(size);
        for (int i = 0; i < size; i++) {
            out.writeLong(hashes[i]);
            TileObjects.writeBytes(texts[i], out);
            out.writeLong(counts[i]);
        }
    }

    static Categories read(DataInput in) throws IOException {
        long others = in.readLong();
        int size = in.readInt();
        Categories read = new Categories(Math.max(1, size));
        read.others = others;
        read.size = size;
        for (int i = 0; i < size; i++) {
            read.hashes[i] = in.readLong();
            read.texts[i] = TileObjects.readBytes(in);
            read.counts[i] = in.readLong();
        }
        return read;
    }
}
