package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The sum of a number column's deviations from its mean to the fourth power, merged by the formulas of Pébay (2008). */
final class FourthMoment extends Cell {
    private final int column;
    private final boolean decimal;
    private final Count count;
    private final NumberSum sum;
    private final SquaredDeviations second;
    private final ThirdMoment third;

    FourthMoment(
            int column, boolean decimal, Count count, NumberSum sum, SquaredDeviations second, ThirdMoment third) {
        this.column = column;
        this.decimal = decimal;
        this.count = count;
        this.sum = sum;
        this.second = second;
        this.third = third;
    }

    @Override
    int slots() {
        return 1;
    }

    @Override
    int depth() {
        return third.depth() + 1;
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
            add(tiles, tile, 1, decimal ? event.decimal(column) : event.number(column), 0, 0, 0);
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        double added = count.count(from, fromTile);
        if (added > 0) {
            double added2 = second.value(from, fromTile);
            double added3 = third.value(from, fromTile);
            add(into, tile, added, sum.sum(from, fromTile), added2, added3, value(from, fromTile));
        }
    }

    private void add(
            Tiles tiles, int tile, double added, double addedSum, double added2, double added3, double added4) {
        double present = count.count(tiles, tile);
        if (present == 0) {
            setDecimal(tiles, tile, 0, added4);
            return;
        }
        double all = present + added;
        double apart = addedSum / added - sum.sum(tiles, tile) / present;
        double squared = apart * apart;
        double present2 = second.value(tiles, tile);
        double between = squared * squared * present * added * (present * present - present * added + added * added)
                / (all * all * all);
        between += 6 * squared * (present * present * added2 + added * added * present2) / (all * all);
        between += 4 * apart * (present * added3 - added * third.value(tiles, tile)) / all;
        setDecimal(tiles, tile, 0, value(tiles, tile) + added4 + between);
    }
}
