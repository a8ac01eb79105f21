package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.HalfLife;
import dev.headwater.kernel.accumulator.VectorSum;
import dev.headwater.kernel.event.Event;
import java.nio.ByteBuffer;

/** The sum of a vector column. With a half-life it is decayed, and one more element has the sum of the weights. */
final class VectorSumCell extends AccumulatorCell<VectorSum> {
    private final int column;
    private final int dimensions;
    private final HalfLife halfLife;

    /** {@code halfLife}: null for a sum without decay. */
    VectorSumCell(int column, int dimensions, HalfLife halfLife) {
        super(VectorSum.class, column);
        this.column = column;
        this.dimensions = dimensions;
        this.halfLife = halfLife;
    }

    int dimensions() {
        return dimensions;
    }

    @Override
    VectorSum create(Event event) {
        return halfLife == null
                ? new VectorSum(dimensions, 0)
                : new VectorSum(dimensions + 1, halfLife.instantAfter(event.eventTimeUs));
    }

    @Override
    void add(VectorSum sum, Event event) {
        double weight = 1;
        if (halfLife != null) {
            sum.moveTo(halfLife.instantAfter(event.eventTimeUs));
            weight = halfLife.weight(event.eventTimeUs, sum.instant());
            sum.add(dimensions, weight);
        }
        ByteBuffer vector = ByteBuffer.wrap(event.blob(column));
        for (int i = 0; i < dimensions; i++) {
            sum.add(i, vector.getDouble(i * Double.BYTES) * weight);
        }
    }

    @Override
    void merge(VectorSum into, VectorSum from) {
        into.merge(from);
    }
}
