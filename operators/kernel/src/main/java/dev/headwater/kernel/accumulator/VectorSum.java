package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/** The sum of vectors, element by element, each compensated; decayed to one instant if it is a {@link HalfLife}'s. */
public final class VectorSum implements Accumulator {
    private final double[] sums;
    private final double[] lost;
    /** As of which instant the sum is; see {@link HalfLife}. Without decay it stays where it was. */
    private long instant;

    public VectorSum(int length, long instant) {
        this(new double[length], new double[length], instant);
    }

    private VectorSum(double[] sums, double[] lost, long instant) {
        this.sums = sums;
        this.lost = lost;
        this.instant = instant;
    }

    public long instant() {
        return instant;
    }

    public double total(int element) {
        return TwoSum.total(sums[element], lost[element]);
    }

    public void add(int element, double value) {
        double before = sums[element];
        sums[element] = before + value;
        lost[element] += TwoSum.error(before, value, sums[element]);
    }

    /** Decays the sum to a later instant. */
    public void moveTo(long later) {
        if (later > instant) {
            for (int i = 0; i < sums.length; i++) {
                sums[i] = HalfLife.moved(sums[i], instant, later);
                lost[i] = HalfLife.moved(lost[i], instant, later);
            }
            instant = later;
        }
    }

    public void merge(VectorSum other) {
        moveTo(other.instant);
        for (int i = 0; i < sums.length; i++) {
            add(i, HalfLife.moved(other.sums[i], other.instant, instant));
            lost[i] += HalfLife.moved(other.lost[i], other.instant, instant);
        }
    }

    @Override
    public byte tag() {
        return TileObjects.VECTOR_SUM;
    }

    @Override
    public VectorSum copy() {
        return new VectorSum(sums.clone(), lost.clone(), instant);
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeLong(instant);
        out.writeInt(sums.length);
        for (int i = 0; i < sums.length; i++) {
            out.writeDouble(sums[i]);
            out.writeDouble(lost[i]);
        }
    }

    static VectorSum read(DataInput in) throws IOException {
        long instant = in.readLong();
        VectorSum read = new VectorSum(in.readInt(), instant);
        for (int i = 0; i < read.sums.length; i++) {
            read.sums[i] = in.readDouble();
            read.lost[i] = in.readDouble();
        }
        return read;
    }
}
