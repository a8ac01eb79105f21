package dev.headwater.kernel.aggregate;

import static dev.headwater.kernel.aggregate.Aggregates.require;
import static dev.headwater.kernel.aggregate.Aggregates.requireType;

import dev.headwater.kernel.accumulator.VectorSum;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.ValueType;

/** Sums and means of vectors, element by element. */
final class VectorAggregates {
    private static final ValueType DOUBLES = new ValueType(ValueType.Shape.ARRAY, ColumnType.DOUBLE);

    private VectorAggregates() {}

    static Output sum(Plan.Feature feature, Cells cells) {
        requireType(feature, DOUBLES);
        VectorSumCell cell = cells.vectorSum(feature.column());
        return (tiles, tile, values, f) -> set(values, f, cell.in(tiles, tile), cell.dimensions(), 1);
    }

    static Output mean(Plan.Feature feature, Cells cells) {
        requireType(feature, DOUBLES);
        Count count = cells.count(feature.column());
        VectorSumCell cell = cells.vectorSum(feature.column());
        return (tiles, tile, values, f) ->
                set(values, f, cell.in(tiles, tile), cell.dimensions(), count.count(tiles, tile));
    }

    /** Weights decay alike, so their mean does not depend on the clock. */
    static Output decayedMean(Plan.Feature feature, Cells cells) {
        requireType(feature, DOUBLES);
        require(feature.halfLifeMs() > 0, feature, "a half-life");
        VectorSumCell cell = cells.decayedVectorSum(feature.column(), feature.halfLifeMs());
        return (tiles, tile, values, f) -> {
            VectorSum sum = cell.in(tiles, tile);
            set(values, f, sum, cell.dimensions(), sum == null ? 1 : sum.total(cell.dimensions()));
        };
    }

    private static void set(Values values, int feature, VectorSum sum, int dimensions, double divisor) {
        if (sum == null) {
            values.setNull(feature);
            return;
        }
        long[] quotients = new long[dimensions];
        for (int i = 0; i < dimensions; i++) {
            quotients[i] = Double.doubleToRawLongBits(sum.total(i) / divisor);
        }
        values.setNumbers(feature, quotients);
    }
}
