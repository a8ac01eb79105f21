package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import org.apache.datasketches.hll.HllSketch;
import org.apache.datasketches.hll.TgtHllType;
import org.apache.datasketches.hll.Union;

/**
 * A HyperLogLog sketch of values, hashed as DataSketches hashes them in every language: texts by their UTF-8 bytes,
 * numbers as longs or doubles. The empty text, which DataSketches ignores, is the number 0 instead. It starts as a list of some dozen bytes. Its composite estimate depends on the set of
 * values alone.
 */
public final class Hll implements Accumulator {
    private static final long EMPTY_TEXT = 0;

    private final Union union;

    /** {@code precision}: the base-2 logarithm of the number of registers. */
    public Hll(int precision) {
        union = new Union(precision);
    }

    public void add(long value) {
        union.update(value);
    }

    public void add(double value) {
        union.update(value);
    }

    /** Two words that stand for one value. */
    public void add(long first, long second) {
        union.update(new long[] {first, second});
    }

    public void add(byte[] value) {
        if (value.length == 0) {
            union.update(EMPTY_TEXT);
        } else {
            union.update(value);
        }
    }

    public void merge(Hll other) {
        union.update(other.union.getResult(TgtHllType.HLL_8));
    }

    public double estimate() {
        return union.getCompositeEstimate();
    }

    /** The sketch as DataSketches stores it, four bits a register. */
    public byte[] sketch() {
        return union.getResult(TgtHllType.HLL_4).toCompactByteArray();
    }

    @Override
    public byte tag() {
        return TileObjects.HLL;
    }

    @Override
    public Hll copy() {
        Hll copy = new Hll(union.getLgConfigK());
        copy.merge(this);
        return copy;
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeByte(union.getLgConfigK());
        TileObjects.writeBytes(union.getResult(TgtHllType.HLL_8).toCompactByteArray(), out);
    }

    static Hll read(DataInput in) throws IOException {
        Hll read = new Hll(in.readByte());
        read.union.update(HllSketch.heapify(TileObjects.readBytes(in)));
        return read;
    }
}
