package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import java.util.Map;

/**
 * Every aggregate that a plan can name: the cells that it needs, and how its value is read from them.
 *
 * <p>To add one: write its accumulator as a {@link Cell} unless the present ones do, give it a method in {@link Cells},
 * and add a line and a method here. Where there are no values a count or sum is 0 and all else is null.
 */
final class Aggregates {
    private static final Map<String, Aggregate> BY_NAME = Map.of(
            "count", Aggregates::count,
            "sum", Aggregates::sum,
            "mean", Aggregates::mean,
            "stddev", Aggregates::stddev,
            "min", Aggregates::min,
            "max", Aggregates::max,
            "first", Aggregates::first,
            "last", Aggregates::last);

    @FunctionalInterface
    private interface Aggregate {
        Output over(Plan.Feature feature, Cells cells);
    }

    private Aggregates() {}

    /** Puts the cells of the feature into the layout. Throws {@link PlanException} if the kernel has no such aggregate. */
    static Output output(Plan.Feature feature, Cells cells) {
        Aggregate aggregate = BY_NAME.get(feature.aggregate());
        if (aggregate == null) {
            throw new PlanException("feature " + feature.name() + ": there is no aggregate '" + feature.aggregate() + "'");
        }
        if (feature.column() < 0 && !feature.aggregate().equals("count")) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " needs a column");
        }
        return aggregate.over(feature, cells);
    }

    private static Output count(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.LONG);
        Count count = cells.count(feature.column());
        return (tiles, tile, values, f) -> values.setNumber(f, count.count(tiles, tile));
    }

    private static Output sum(Plan.Feature feature, Cells cells) {
        if (feature.type().equals(ValueType.LONG)) {
            LongSum sum = cells.exactSum(feature.column());
            return (tiles, tile, values, f) -> values.setNumber(f, sum.exact(tiles, tile));
        }
        requireType(feature, ValueType.DOUBLE);
        NumberSum sum = cells.sum(feature.column());
        return (tiles, tile, values, f) -> values.setDecimal(f, sum.sum(tiles, tile));
    }

    private static Output mean(Plan.Feature feature, Cells cells) {
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

    /** Of the population: the root of the mean squared deviation. */
    private static Output stddev(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.DOUBLE);
        Count count = cells.count(feature.column());
        SquaredDeviations deviations = cells.squaredDeviations(feature.column());
        return (tiles, tile, values, f) -> {
            long n = count.count(tiles, tile);
            if (n == 0) {
                values.setNull(f);
            } else {
                values.setDecimal(f, Math.sqrt(deviations.value(tiles, tile) / n));
            }
        };
    }

    private static Output min(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return extreme(cells.count(feature.column()), cells.min(feature.column()));
    }

    private static Output max(Plan.Feature feature, Cells cells) {
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

    private static Output first(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return outermost(feature, cells.first(feature.column()));
    }

    private static Output last(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return outermost(feature, cells.last(feature.column()));
    }

    private static Output outermost(Plan.Feature feature, Outermost outermost) {
        boolean blob = feature.type().item().isBlob();
        return (tiles, tile, values, f) -> {
            if (outermost.isNull(tiles, tile)) {
                values.setNull(f);
            } else if (blob) {
                values.setBlob(f, outermost.blob(tiles, tile));
            } else {
                values.setNumber(f, outermost.number(tiles, tile));
            }
        };
    }

    private static void requireType(Plan.Feature feature, ValueType type) {
        if (!feature.type().equals(type)) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " gives " + type + ", not "
                    + feature.type());
        }
    }
}
