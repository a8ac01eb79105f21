package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import java.util.Map;
import java.util.Set;

/**
 * Every aggregate that a plan can name: the cells that it needs, and how its value is read from them. What is made of
 * other features is in {@link Derivations}.
 *
 * <p>To add one: write its accumulator as a {@link Cell} unless the present ones do, give it a method in {@link Cells},
 * and add a line here and a method in the class of its kind. Where there are no values a count or sum is 0 and all else
 * is null.
 */
final class Aggregates {
    private static final Map<String, Aggregate> BY_NAME = Map.ofEntries(
            Map.entry("count", NumberAggregates::count),
            Map.entry("sum", NumberAggregates::sum),
            Map.entry("mean", NumberAggregates::mean),
            Map.entry("min", NumberAggregates::min),
            Map.entry("max", NumberAggregates::max),
            Map.entry("variance", NumberAggregates::variance),
            Map.entry("stddev", NumberAggregates::stddev),
            Map.entry("skewness", NumberAggregates::skewness),
            Map.entry("kurtosis", NumberAggregates::kurtosis),
            Map.entry("decayed_count", NumberAggregates::decayedSum),
            Map.entry("decayed_sum", NumberAggregates::decayedSum),
            Map.entry("first", OrderAggregates::first),
            Map.entry("last", OrderAggregates::last),
            Map.entry("first_n", OrderAggregates::firstN),
            Map.entry("last_n", OrderAggregates::lastN),
            Map.entry("last_n_distinct", OrderAggregates::lastNDistinct),
            Map.entry("distinct", SketchAggregates::distinct),
            Map.entry("distinct_sketch", SketchAggregates::distinctSketch),
            Map.entry("quantile", SketchAggregates::quantile),
            Map.entry("quantile_sketch", SketchAggregates::quantileSketch),
            Map.entry("top_k", SketchAggregates::topK),
            Map.entry("counts", SketchAggregates::counts),
            Map.entry("vector_sum", VectorAggregates::sum),
            Map.entry("vector_mean", VectorAggregates::mean),
            Map.entry("vector_decayed_mean", VectorAggregates::decayedMean));
    private static final Set<String> OF_EVENTS = Set.of("count", "decayed_count");

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
        if (feature.column() < 0 && !OF_EVENTS.contains(feature.aggregate())) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " needs a column");
        }
        return aggregate.over(feature, cells);
    }

    static void requireType(Plan.Feature feature, ValueType type) {
        if (!feature.type().equals(type)) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " gives " + type + ", not "
                    + feature.type());
        }
    }

    static void require(boolean holds, Plan.Feature feature, String what) {
        if (!holds) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " needs " + what);
        }
    }
}
