package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.DistinctValues;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;

/** The distinct values of a column: themselves while they are no more than the limit, an estimate beyond. */
final class DistinctCell extends AccumulatorCell<DistinctValues> {
    private final int column;
    private final ColumnType type;
    private final int limit;
    private final int precision;

    DistinctCell(int column, ColumnType type, int limit, int precision) {
        super(DistinctValues.class, column);
        this.column = column;
        this.type = type;
        this.limit = limit;
        this.precision = precision;
    }

    @Override
    DistinctValues create(Event event) {
        return new DistinctValues(type.isBlob() ? 2 : 1);
    }

    @Override
    void add(DistinctValues values, Event event) {
        if (type.isBlob()) {
            values.add(event.blob(column), limit, precision);
        } else if (type == ColumnType.DOUBLE) {
            // Zero and minus zero are one value.
            values.add(Double.doubleToRawLongBits(event.decimal(column) + 0.0), limit, precision);
        } else {
            values.add(event.number(column), limit, precision);
        }
    }

    @Override
    void merge(DistinctValues into, DistinctValues from) {
        into.merge(from, limit, precision);
    }
}
