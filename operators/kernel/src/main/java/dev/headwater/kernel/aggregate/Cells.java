package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import java.util.function.Supplier;

/** The cells of one view's feature, by what they say of which column; asking for one puts it into the layout. */
final class Cells {
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
