package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.HalfLife;
import dev.headwater.kernel.accumulator.TwoSum;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The compensated sum of a number column, or of ones, each decayed since its event. */
final class DecayedSum extends Cell {
    private static final int SUM = 0;
    private static final int LOST = 1;
    private static final int INSTANT = 2;

    private final int column;
    private final boolean decimal;
    private final HalfLife halfLife;

    /** {@code column}: -1 for a one of each event. */
    DecayedSum(int column, boolean decimal, HalfLife halfLife) {
        this.column = column;
        this.decimal = decimal;
        this.halfLife = halfLife;
    }

    /** What is left of the sum at the clock. */
    double sum(Tiles tiles, int tile, long clockUs) {
        double sum = TwoSum.total(getDecimal(tiles, tile, SUM), getDecimal(tiles, tile, LOST));
        return sum == 0 ? 0 : sum / halfLife.weight(clockUs, get(tiles, tile, INSTANT));
    }

    @Override
    int slots() {
        return 3;
    }

    @Override
    void clear(Tiles tiles, int tile) {
        set(tiles, tile, SUM, 0);
        set(tiles, tile, LOST, 0);
        set(tiles, tile, INSTANT, 0);
    }

    @Override
    void add(Tiles tiles, int tile, Event event) {
        if (column >= 0 && event.isNull(column)) {
            return;
        }
        double value = 1;
        if (column >= 0) {
            value = decimal ? event.decimal(column) : event.number(column);
        }
        long instant = Math.max(get(tiles, tile, INSTANT), halfLife.instantAfter(event.eventTimeUs));
        moveTo(instant, tiles, tile);
        add(tiles, tile, value * halfLife.weight(event.eventTimeUs, instant), 0);
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        long instant = get(from, fromTile, INSTANT);
        moveTo(instant, into, tile);
        long latest = get(into, tile, INSTANT);
        double sum = HalfLife.moved(getDecimal(from, fromTile, SUM), instant, latest);
        add(into, tile, sum, HalfLife.moved(getDecimal(from, fromTile, LOST), instant, latest));
    }

    private void moveTo(long instant, Tiles tiles, int tile) {
        long present = get(tiles, tile, INSTANT);
        if (instant > present) {
            setDecimal(tiles, tile, SUM, HalfLife.moved(getDecimal(tiles, tile, SUM), present, instant));
            setDecimal(tiles, tile, LOST, HalfLife.moved(getDecimal(tiles, tile, LOST), present, instant));
            set(tiles, tile, INSTANT, instant);
        }
    }

    private void add(Tiles tiles, int tile, double value, double lost) {
        double before = getDecimal(tiles, tile, SUM);
        double after = before + value;
        setDecimal(tiles, tile, SUM, after);
        setDecimal(tiles, tile, LOST, getDecimal(tiles, tile, LOST) + TwoSum.error(before, value, after) + lost);
    }
}
