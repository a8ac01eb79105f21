package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/**
 * The sum of the squared deviations of a number column from its mean, by the update of Chan, Golub and LeVeque: two
 * parts of a and b values whose means lie d apart have d^2 * a * b / (a + b) more than the sum of their own. An event is
 * a part of one value.
 */
final class SquaredDeviations extends Cell {
    private final int column;
    private final boolean decimal;
    private final Count count;
    private final NumberSum sum;

    SquaredDeviations(int column, boolean decimal, Count count, NumberSum sum) {
        this.column = column;
        this.decimal = decimal;
        this.count = count;
        this.sum = sum;
    }

    @Override
    int slots() {
        return 1;
    }

    @Override
    int depth() {
        return 1;
    }

    double value(Tiles tiles, int tile) {
        return getDecimal(tiles, tile, 0);
    }

    @Override
    void clear(Tiles tiles, int tile) {
        set(tiles, tile, 0, 0);
    }

    @Override
    void add(Tiles tiles, int tile, Event event) {
        if (!event.isNull(column)) {
            add(tiles, tile, 1, decimal ? event.decimal(column) : event.number(column), 0);
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        add(into, tile, count.count(from, fromTile), sum.sum(from, fromTile), value(from, fromTile));
    }

    private void add(Tiles tiles, int tile, double added, double addedSum, double addedDeviations) {
        double present = count.count(tiles, tile);
        if (added == 0) {
            return;
        }
        if (present == 0) {
            setDecimal(tiles, tile, 0, addedDeviations);
            return;
        }
        // The distance of the means times both counts: one division in all.
        double apart = addedSum * present - sum.sum(tiles, tile) * added;
        double between = apart * apart / (present * added * (present + added));
        setDecimal(tiles, tile, 0, value(tiles, tile) + addedDeviations + between);
    }
}
