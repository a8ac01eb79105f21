package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import org.apache.datasketches.kll.KllDoublesSketch;
import org.apache.datasketches.memory.Memory;
import org.apache.datasketches.quantilescommon.QuantileSearchCriteria;

/** The values themselves while there are no more than a KLL sketch keeps without loss, such a sketch beyond. */
public final class Quantiles implements Accumulator {
    /** The sketch's k: what it keeps without loss, and how close its ranks are. */
    public static final int K = 200;

    private double[] values;
    private int count;
    /** Holds the values once they are too many. */
    private KllDoublesSketch sketch;

    public Quantiles() {
        values = new double[1];
    }

    public void add(double value) {
        if (sketch == null && count == K) {
            toSketch();
        }
        if (sketch != null) {
            sketch.update(value);
            return;
        }
        if (count == values.length) {
            values = Arrays.copyOf(values, Math.min(K, Math.max(1, count * 2)));
        }
        values[count++] = value;
    }

    public void merge(Quantiles other) {
        if (other.sketch != null) {
            if (sketch == null) {
                toSketch();
            }
            sketch.merge(other.sketch);
        }
        for (int i = 0; i < other.count; i++) {
            add(other.values[i]);
        }
    }

    /** The least value such that at least this fraction of all values is not above it. */
    public double quantile(double fraction) {
        if (sketch != null) {
            return sketch.getQuantile(fraction, QuantileSearchCriteria.INCLUSIVE);
        }
        Arrays.sort(values, 0, count);
        return values[Math.max(0, (int) Math.ceil(fraction * count) - 1)];
    }

    /** The sketch as DataSketches stores it. */
    public byte[] sketch() {
        return (sketch == null ? asSketch() : sketch).toByteArray();
    }

    private void toSketch() {
        sketch = asSketch();
        count = 0;
        values = new double[0];
    }

    private KllDoublesSketch asSketch() {
        KllDoublesSketch made = KllDoublesSketch.newHeapInstance(K);
        for (int i = 0; i < count; i++) {
            made.update(values[i]);
        }
        return made;
    }

    @Override
    public byte tag() {
        return TileObjects.QUANTILES;
    }

    @Override
    public Quantiles copy() {
        Quantiles copy = new Quantiles();
        copy.values = Arrays.copyOf(values, count);
        copy.count = count;
        copy.sketch = sketch == null ? null : KllDoublesSketch.heapify(Memory.wrap(sketch.toByteArray()));
        return copy;
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeBoolean(sketch != null);
        if (sketch != null) {
            TileObjects.writeBytes(sketch.toByteArray(), out);
            return;
        }
        out.writeInt(count);
        for (int i = 0; i < count; i++) {
            out.writeDouble(values[i]);
        }
    }

    static Quantiles read(DataInput in) throws IOException {
        Quantiles read = new Quantiles();
        if (in.readBoolean()) {
            read.sketch = KllDoublesSketch.heapify(Memory.wrap(TileObjects.readBytes(in)));
            read.values = new double[0];
            return read;
        }
        read.count = in.readInt();
        read.values = new double[read.count];
        for (int i = 0; i < read.count; i++) {
            read.values[i] = in.readDouble();
        }
        return read;
    }
}
