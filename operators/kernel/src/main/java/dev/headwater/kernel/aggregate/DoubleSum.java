package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.TwoSum;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/**
 * The compensated sum of a number column: a sum and what rounding has taken from it so far, after Neumaier.
 */
final class DoubleSum extends Cell implements NumberSum {
    private static final int SUM = 0;
    private static final int LOST = 1;

    private final int column;
    private final boolean decimal;

    /** {@code decimal}: the column holds doubles, not longs. */
    DoubleSum(int column, boolean decimal) {
        this.column = column;
        this.decimal = decimal;
    }

    @Override
    int slots() {
        return 2;
    }

    @Override
    public double sum(Tiles tiles, int tile) {
        double sum = getDecimal(tiles, tile, SUM);
        return TwoSum.total(sum, getDecimal(tiles, tile, LOST));
    }

    @Override
    void clear(Tiles tiles, int tile) {
        set(tiles, tile, SUM, 0);
        set(tiles, tile, LOST, 0);
    }

    @Override
    void add(Tiles tiles, int tile, Event event) {
        if (!event.isNull(column)) {
            add(tiles, tile, decimal ? event.decimal(column) : event.number(column), 0);
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        add(into, tile, getDecimal(from, fromTile, SUM), getDecimal(from, fromTile, LOST));
    }

    private void add(Tiles tiles, int tile, double value, double lost) {
        double before = getDecimal(tiles, tile, SUM);
        double after = before + value;
        setDecimal(tiles, tile, SUM, after);
        setDecimal(tiles, tile, LOST, getDecimal(tiles, tile, LOST) + TwoSum.error(before, value, after) + lost);
    }
}
