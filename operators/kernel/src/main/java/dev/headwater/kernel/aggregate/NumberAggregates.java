package dev.headwater.kernel.aggregate;

import static dev.headwater.kernel.aggregate.Aggregates.require;
import static dev.headwater.kernel.aggregate.Aggregates.requireType;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.ValueType;
import dev.headwater.kernel.window.Tiles;

/** Counts, sums, moments and extremes: all that longs can hold. */
final class NumberAggregates {
    /** A variance that is no greater part of the mean square than this is not told from none. */
    private static final double NO_VARIANCE = 1e-12;

    private NumberAggregates() {}

    static Output count(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.LONG);
        Count count = cells.count(feature.column());
        return (tiles, tile, values, f) -> values.setNumber(f, count.count(tiles, tile));
    }

    static Output sum(Plan.Feature feature, Cells cells) {
        if (feature.type().equals(ValueType.LONG)) {
            LongSum sum = cells.exactSum(feature.column());
            return (tiles, tile, values, f) -> values.setNumber(f, sum.exact(tiles, tile));
        }
        requireType(feature, ValueType.DOUBLE);
        NumberSum sum = cells.sum(feature.column());
        return (tiles, tile, values, f) -> values.setDecimal(f, sum.sum(tiles, tile));
    }

    static Output mean(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        Count count = cells.count(feature.column());
        NumberSum sum = cells.sum(feature.column());
        return (tiles, tile, values, f) -> {
            long n = count.count(tiles, tile);
            if (n == 0) {
                values.setNull(f);
            } else {
                values.setDecimal(f, sum.sum(tiles, tile) / n);
            }
        };
    }

    static Output variance(Plan.Feature feature, Cells cells) {
        return spread(feature, cells, false);
    }

    static Output stddev(Plan.Feature feature, Cells cells) {
        return spread(feature, cells, true);
    }

    /** Of the population, the mean squared deviation; of a sample, one value less is divided by, and two are needed. */
    private static Output spread(Plan.Feature feature, Cells cells, boolean root) {
        requireType(feature, ValueType.DOUBLE);
        Count count = cells.count(feature.column());
        SquaredDeviations deviations = cells.squaredDeviations(feature.column());
        int unfree = feature.sample() ? 1 : 0;
        return (tiles, tile, values, f) -> {
            long free = count.count(tiles, tile) - unfree;
            if (free <= 0) {
                values.setNull(f);
                return;
            }
            double variance = deviations.value(tiles, tile) / free;
            values.setDecimal(f, root ? Math.sqrt(variance) : variance);
        };
    }

    static Output skewness(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        ThirdMoment third = cells.thirdMoment(feature.column());
        Spread spread = new Spread(feature, cells);
        return (tiles, tile, values, f) -> {
            double variance = spread.variance(tiles, tile);
            double mean = third.value(tiles, tile) / spread.count.count(tiles, tile);
            setFinite(values, f, mean / (variance * Math.sqrt(variance)));
        };
    }

    /** Excess kurtosis: 0 for a normal distribution. */
    static Output kurtosis(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        FourthMoment fourth = cells.fourthMoment(feature.column());
        Spread spread = new Spread(feature, cells);
        return (tiles, tile, values, f) -> {
            double variance = spread.variance(tiles, tile);
            double mean = fourth.value(tiles, tile) / spread.count.count(tiles, tile);
            setFinite(values, f, mean / (variance * variance) - 3);
        };
    }

    static Output min(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return extreme(cells.count(feature.column()), cells.min(feature.column()));
    }

    static Output max(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return extreme(cells.count(feature.column()), cells.max(feature.column()));
    }

    private static Output extreme(Count count, Extreme extreme) {
        return (tiles, tile, values, f) -> {
            if (count.count(tiles, tile) == 0) {
                values.setNull(f);
            } else {
                values.setNumber(f, extreme.value(tiles, tile));
            }
        };
    }

    /** Of a column, or, without one, of a one for each event. */
    static Output decayedSum(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        require(feature.halfLifeMs() > 0, feature, "a half-life");
        DecayedSum sum = cells.decayedSum(feature.column(), feature.halfLifeMs());
        return (tiles, tile, values, f) -> values.setDecimal(f, sum.sum(tiles, tile, values.clockUs));
    }

    private static void setFinite(Values values, int feature, double value) {
        if (Double.isFinite(value)) {
            values.setDecimal(feature, value);
        } else {
            values.setNull(feature);
        }
    }

    /** The variance by which higher moments are divided. */
    private static final class Spread {
        private final Count count;
        private final NumberSum sum;
        private final SquaredDeviations deviations;

        Spread(Plan.Feature feature, Cells cells) {
            count = cells.count(feature.column());
            sum = cells.sum(feature.column());
            deviations = cells.squaredDeviations(feature.column());
        }

        /** Not a number if there is none to divide by. */
        double variance(Tiles tiles, int tile) {
            double n = count.count(tiles, tile);
            double variance = deviations.value(tiles, tile) / n;
            double mean = sum.sum(tiles, tile) / n;
            return variance > NO_VARIANCE * (variance + mean * mean) ? variance : Double.NaN;
        }
    }
}
