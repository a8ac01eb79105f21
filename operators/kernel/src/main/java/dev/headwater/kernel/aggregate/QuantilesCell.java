package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.Quantiles;
import dev.headwater.kernel.event.Event;

/** How the values of a number column are distributed. */
final class QuantilesCell extends AccumulatorCell<Quantiles> {
    private final int column;
    private final boolean decimal;

    QuantilesCell(int column, boolean decimal) {
        super(Quantiles.class, column);
        this.column = column;
        this.decimal = decimal;
    }

    @Override
    Quantiles create(Event event) {
        return new Quantiles();
    }

    @Override
    void add(Quantiles quantiles, Event event) {
        quantiles.add(decimal ? event.decimal(column) : event.number(column));
    }

    @Override
    void merge(Quantiles into, Quantiles from) {
        into.merge(from);
    }
}
