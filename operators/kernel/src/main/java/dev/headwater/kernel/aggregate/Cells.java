package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;

/** The cells of one view, by what they say of which column; asking for one puts it into the layout. */
final class Cells {
    private final Plan plan;
    private final CellLayout layout;

    Cells(Plan plan, CellLayout layout) {
        this.plan = plan;
        this.layout = layout;
    }

    /** Events if {@code column} is -1, else events in which the column is not null. */
    Count count(int column) {
        if (column < 0 || !plan.columns().get(column).nullable()) {
            return layout.events();
        }
        return layout.share(name("count", column), ValueCount.class, () -> new ValueCount(column));
    }

    LongSum exactSum(int column) {
        if (type(column) != ColumnType.LONG) {
            throw new PlanException("an exact sum needs a long column, not " + plan.columns().get(column));
        }
        return layout.share(name("exact sum", column), LongSum.class, () -> new LongSum(column));
    }

    /** The exact sum where the view has it anyway, else a compensated one. */
    NumberSum sum(int column) {
        boolean exact = plan.features().stream()
                .anyMatch(f -> f.column() == column && f.aggregate().equals("sum") && f.type() == ColumnType.LONG);
        if (exact) {
            return exactSum(column);
        }
        boolean decimal = isDecimal(column);
        return layout.share(name("sum", column), DoubleSum.class, () -> new DoubleSum(column, decimal));
    }

    SquaredDeviations squaredDeviations(int column) {
        boolean decimal = isDecimal(column);
        Count count = count(column);
        NumberSum sum = sum(column);
        return layout.share(
                name("squared deviations", column),
                SquaredDeviations.class,
                () -> new SquaredDeviations(column, decimal, count, sum));
    }

    Min min(int column) {
        boolean decimal = isDecimal(column);
        return layout.share(name("min", column), Min.class, () -> new Min(column, decimal));
    }

    Max max(int column) {
        boolean decimal = isDecimal(column);
        return layout.share(name("max", column), Max.class, () -> new Max(column, decimal));
    }

    First first(int column) {
        boolean blob = type(column).isBlob();
        return layout.share(name("first", column), First.class, () -> new First(column, blob));
    }

    Last last(int column) {
        boolean blob = type(column).isBlob();
        return layout.share(name("last", column), Last.class, () -> new Last(column, blob));
    }

    ColumnType type(int column) {
        return plan.columns().get(column).type();
    }

    private boolean isDecimal(int column) {
        ColumnType type = type(column);
        if (type != ColumnType.DOUBLE && type != ColumnType.LONG) {
            throw new PlanException("a column of numbers is needed, not " + plan.columns().get(column));
        }
        return type == ColumnType.DOUBLE;
    }

    private String name(String what, int column) {
        Plan.Column c = plan.columns().get(column);
        return what + " of " + c.name() + " (" + c.type() + (c.nullable() ? " or null" : "") + ")";
    }
}
