package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.EventList;
import dev.headwater.kernel.accumulator.HalfLife;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import java.util.Locale;
import java.util.function.Supplier;

/** The cells of one view's feature, by what they say of which column; asking for one puts it into the layout. */
final class Cells {
    private static final long US_PER_MS = 1000;

    private final Plan plan;
    /** The boolean column by which events are chosen, or -1. */
    private final int filter;

    private final CellLayout layout;

    Cells(Plan plan, int filter, CellLayout layout) {
        this.plan = plan;
        this.filter = filter;
        this.layout = layout;
    }

    /** Events if {@code column} is -1, else events in which the column is not null. */
    Count count(int column) {
        if (column >= 0 && plan.columns().get(column).nullable()) {
            return share("count", column, ValueCount.class, () -> new ValueCount(column));
        }
        return filter < 0 ? layout.events() : share("count", -1, ValueCount.class, () -> new ValueCount(-1));
    }

    LongSum exactSum(int column) {
        if (type(column) != ColumnType.LONG) {
            throw new PlanException("an exact sum needs a long column, not " + plan.columns().get(column));
        }
        return share("exact sum", column, LongSum.class, () -> new LongSum(column));
    }

    /** The exact sum where the view has it anyway, else a compensated one. */
    NumberSum sum(int column) {
        boolean exact = plan.features().stream()
                .anyMatch(f -> f.column() == column
                        && f.filter() == filter
                        && f.aggregate().equals("sum")
                        && f.type().equals(ValueType.LONG));
        if (exact) {
            return exactSum(column);
        }
        boolean decimal = isDecimal(column);
        return share("sum", column, DoubleSum.class, () -> new DoubleSum(column, decimal));
    }

    SquaredDeviations squaredDeviations(int column) {
        boolean decimal = isDecimal(column);
        Count count = count(column);
        NumberSum sum = sum(column);
        return share(
                "squared deviations",
                column,
                SquaredDeviations.class,
                () -> new SquaredDeviations(column, decimal, count, sum));
    }

    ThirdMoment thirdMoment(int column) {
        boolean decimal = isDecimal(column);
        Count count = count(column);
        NumberSum sum = sum(column);
        SquaredDeviations second = squaredDeviations(column);
        return share(
                "third moment", column, ThirdMoment.class, () -> new ThirdMoment(column, decimal, count, sum, second));
    }

    FourthMoment fourthMoment(int column) {
        boolean decimal = isDecimal(column);
        Count count = count(column);
        NumberSum sum = sum(column);
        SquaredDeviations second = squaredDeviations(column);
        ThirdMoment third = thirdMoment(column);
        return share(
                "fourth moment",
                column,
                FourthMoment.class,
                () -> new FourthMoment(column, decimal, count, sum, second, third));
    }

    DecayedSum decayedSum(int column, long halfLifeMs) {
        boolean decimal = column >= 0 && isDecimal(column);
        return share(
                "sum of half-life " + halfLifeMs + " ms",
                column,
                DecayedSum.class,
                () -> new DecayedSum(column, decimal, new HalfLife(halfLifeMs * US_PER_MS)));
    }

    Min min(int column) {
        boolean decimal = isDecimal(column);
        return share("min", column, Min.class, () -> new Min(column, decimal));
    }

    Max max(int column) {
        boolean decimal = isDecimal(column);
        return share("max", column, Max.class, () -> new Max(column, decimal));
    }

    First first(int column) {
        boolean blob = type(column).isBlob();
        return share("first", column, First.class, () -> new First(column, blob));
    }

    Last last(int column) {
        boolean blob = type(column).isBlob();
        return share("last", column, Last.class, () -> new Last(column, blob));
    }

    /** True if no event has an id, and none is one of several in its record; else the events' order needs more. */
    boolean isOrderedByOffset() {
        return plan.sources().stream()
                .allMatch(source -> source.eventId().isEmpty() && source.explode().isEmpty());
    }

    EventListCell eventList(int column, EventList.Keep keep, int limit) {
        ColumnType type = type(column);
        String what = keep.name().toLowerCase(Locale.ROOT).replace('_', ' ') + " " + limit;
        return share(what, column, EventListCell.class, () -> new EventListCell(column, type, keep, limit));
    }

    VectorSumCell vectorSum(int column) {
        int dimensions = dimensions(column);
        return share("sum", column, VectorSumCell.class, () -> new VectorSumCell(column, dimensions, null));
    }

    VectorSumCell decayedVectorSum(int column, long halfLifeMs) {
        int dimensions = dimensions(column);
        return share(
                "sum of half-life " + halfLifeMs + " ms",
                column,
                VectorSumCell.class,
                () -> new VectorSumCell(column, dimensions, new HalfLife(halfLifeMs * US_PER_MS)));
    }

    DistinctCell distinct(int column, int limit, int precision) {
        ColumnType type = type(column);
        String what = "distinct values up to " + limit + " then 2^" + precision + " registers";
        return share(what, column, DistinctCell.class, () -> new DistinctCell(column, type, limit, precision));
    }

    HllCell hll(int column, int precision) {
        ColumnType type = type(column);
        return share("2^" + precision + " registers", column, HllCell.class, () -> new HllCell(column, type, precision));
    }

    QuantilesCell quantiles(int column) {
        boolean decimal = isDecimal(column);
        return share("quantiles", column, QuantilesCell.class, () -> new QuantilesCell(column, decimal));
    }

    /** {@code weight}: a column, or -1 for a weight of one each. */
    FrequenciesCell frequencies(int column, int weight, int scale) {
        ColumnType type = type(column);
        boolean decimal = weight >= 0 && isDecimal(weight);
        String what = weight < 0 ? "frequencies" : "frequencies by " + described(weight) + " to 10^-" + scale;
        double unitsOfOne = unitsOfOne(scale);
        return share(
                what,
                column,
                FrequenciesCell.class,
                () -> new FrequenciesCell(column, type, weight, decimal, unitsOfOne));
    }

    CategoriesCell categories(int column, int limit) {
        ColumnType type = type(column);
        return share(
                "counts of " + limit + " categories",
                column,
                CategoriesCell.class,
                () -> new CategoriesCell(column, type, limit));
    }

    /** 10 to this power, exactly. */
    static double unitsOfOne(int scale) {
        double units = 1;
        for (int i = 0; i < scale; i++) {
            units *= 10;
        }
        return units;
    }

    ColumnType type(int column) {
        return plan.columns().get(column).type();
    }

    /** Throws {@link PlanException} if the column holds no numbers. */
    boolean isDecimal(int column) {
        ColumnType type = type(column);
        if (type != ColumnType.DOUBLE && type != ColumnType.LONG) {
            throw new PlanException("a column of numbers is needed, not " + plan.columns().get(column));
        }
        return type == ColumnType.DOUBLE;
    }

    private int dimensions(int column) {
        if (type(column) != ColumnType.VECTOR) {
            throw new PlanException("a column of vectors is needed, not " + plan.columns().get(column));
        }
        return plan.columns().get(column).dimensions();
    }

    private <C extends Cell> C share(String what, int column, Class<C> type, Supplier<C> maker) {
        String name = what + " of " + (column < 0 ? "events" : described(column));
        return layout.share(filter < 0 ? name : name + " where " + described(filter), type, () -> {
            C cell = maker.get();
            cell.filter = filter;
            return cell;
        });
    }

    private String described(int column) {
        Plan.Column c = plan.columns().get(column);
        return c.name() + " (" + c.type() + (c.nullable() ? " or null" : "") + ")";
    }
}
