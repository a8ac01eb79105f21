package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import org.apache.datasketches.hash.MurmurHash3;

/**
 * The set of distinct values while there are few, a HyperLogLog sketch of them beyond. A number is one word, itself; a
 * text is two, its 128-bit hash. What it becomes depends on the set of values alone.
 */
public final class DistinctValues implements Accumulator {
    private static final long SEED = 9001;

    private final int words;
    /** The values in order, {@code words} each. */
    private long[] values;

    private int count;
    /** Holds the values once they are too many; then the set is empty. */
    private Hll hll;

    /** {@code words}: how many stand for one value, 1 or 2. */
    public DistinctValues(int words) {
        this.words = words;
        this.values = new long[words];
    }

    public void add(long value, int limit, int precision) {
        add(value, 0, limit, precision);
    }

    public void add(byte[] text, int limit, int precision) {
        if (text.length == 0) {
            add(0, 0, limit, precision);
            return;
        }
        long[] hash = MurmurHash3.hash(text, SEED);
        add(hash[0], hash[1], limit, precision);
    }

    public void merge(DistinctValues other, int limit, int precision) {
        if (other.hll != null) {
            toSketch(precision);
            hll.merge(other.hll);
        }
        for (int i = 0; i < other.count; i++) {
            add(other.values[i * words], words == 1 ? 0 : other.values[i * words + 1], limit, precision);
        }
    }

    /** How many distinct values there are, to the nearest whole number. */
    public long estimate() {
        return hll == null ? count : Math.round(hll.estimate());
    }

    private void add(long first, long second, int limit, int precision) {
        if (hll == null) {
            int at = place(first, second);
            if (at >= 0) {
                return;
            }
            if (count < limit) {
                insert(-at - 1, first, second);
                return;
            }
            toSketch(precision);
        }
        addToSketch(first, second);
    }

    private void toSketch(int precision) {
        if (hll == null) {
            hll = new Hll(precision);
            for (int i = 0; i < count; i++) {
                addToSketch(values[i * words], words == 1 ? 0 : values[i * words + 1]);
            }
            count = 0;
            values = new long[0];
        }
    }

    private void addToSketch(long first, long second) {
        if (words == 1) {
            hll.add(first);
        } else {
            hll.add(first, second);
        }
    }

    /** The value's place in the set, or, if it is not there, -1 minus the place where it belongs. */
    private int place(long first, long second) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int order = Long.compare(values[middle * words], first);
            if (order == 0 && words == 2) {
                order = Long.compare(values[middle * words + 1], second);
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

    private void insert(int at, long first, long second) {
        if (count * words == values.length) {
            values = Arrays.copyOf(values, Math.max(words, values.length * 2));
        }
        System.arraycopy(values, at * words, values, (at + 1) * words, (count - at) * words);
        values[at * words] = first;
        if (words == 2) {
            values[at * words + 1] = second;
        }
        count++;
    }

    @Override
    public byte tag() {
        return TileObjects.DISTINCT_VALUES;
    }

    @Override
    public DistinctValues copy() {
        DistinctValues copy = new DistinctValues(words);
        copy.values = Arrays.copyOf(values, count * words);
        copy.count = count;
        copy.hll = hll == null ? null : hll.copy();
        return copy;
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeByte(words);
        out.writeBoolean(hll != null);
        if (hll != null) {
            hll.write(out);
            return;
        }
        out.writeInt(count);
        for (int i = 0; i < count * words; i++) {
            out.writeLong(values[i]);
        }
    }

    static DistinctValues read(DataInput in) throws IOException {
        DistinctValues read = new DistinctValues(in.readByte());
        if (in.readBoolean()) {
            read.hll = Hll.read(in);
            read.values = new long[0];
            return read;
        }
        read.count = in.readInt();
        read.values = new long[read.count * read.words];
        for (int i = 0; i < read.values.length; i++) {
            read.values[i] = in.readLong();
        }
        return read;
    }
}
