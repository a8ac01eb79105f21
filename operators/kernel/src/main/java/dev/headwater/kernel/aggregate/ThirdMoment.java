package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The sum of the cubed deviations of a number column from its mean, merged by the formulas of Pébay (2008). */
final class ThirdMoment extends Cell {
    private final int column;
    private final boolean decimal;
    private final Count count;
    private final NumberSum sum;
    private final SquaredDeviations second;

    ThirdMoment(int column, boolean decimal, Count count, NumberSum sum, SquaredDeviations second) {
        this.column = column;
        this.decimal = decimal;
        this.count = count;
        this.sum = sum;
        this.second = second;
    }

    @Override
    int slots() {
        return 1;
    }

    @Override
    int depth() {
        return second.depth() + 1;
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
            add(tiles, tile, 1, decimal ? event.decimal(column) : event.number(column), 0, 0);
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        double added = count.count(from, fromTile);
        if (added > 0) {
            add(into, tile, added, sum.sum(from, fromTile), second.value(from, fromTile), value(from, fromTile));
        }
    }

    private void add(Tiles tiles, int tile, double added, double addedSum, double added2, double added3) {
        double present = count.count(tiles, tile);
        if (present == 0) {
            setDecimal(tiles, tile, 0, added3);
            return;
        }
        double all = present + added;
        double apart = addedSum / added - sum.sum(tiles, tile) / present;
        double between = apart * apart * apart * present * added * (present - added) / (all * all)
                + 3 * apart * (present * added2 - added * second.value(tiles, tile)) / all;
        setDecimal(tiles, tile, 0, value(tiles, tile) + added3 + between);
    }
}
