package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.Hll;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;

/** A sketch of the distinct values of a column, for readers who merge it with sketches of their own. */
final class HllCell extends AccumulatorCell<Hll> {
    private final int column;
    private final ColumnType type;
    private final int precision;

    HllCell(int column, ColumnType type, int precision) {
        super(Hll.class, column);
        this.column = column;
        this.type = type;
        this.precision = precision;
    }

    @Override
    Hll create(Event event) {
        return new Hll(precision);
    }

    @Override
    void add(Hll hll, Event event) {
        if (type.isBlob()) {
            hll.add(event.blob(column));
        } else if (type == ColumnType.DOUBLE) {
            hll.add(event.decimal(column));
        } else {
            hll.add(event.number(column));
        }
    }

    @Override
    void merge(Hll into, Hll from) {
        into.merge(from);
    }
}
