package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/**
 * The least or the greatest value of a number column. Doubles are kept in a form that orders as longs just as
 * {@code Double.compare} orders the doubles, so longs stay exact and both compare alike.
 */
abstract class Extreme extends Cell {
    private final int column;
    private final boolean decimal;

    Extreme(int column, boolean decimal) {
        this.column = column;
        this.decimal = decimal;
    }

    /** What no value is beyond. */
    abstract long none();

    abstract long better(long a, long b);

    /** The long, or the double's raw bits. Undefined if there was no value. */
    final long value(Tiles tiles, int tile) {
        long kept = get(tiles, tile, 0);
        return decimal ? ordered(kept) : kept;
    }

    @Override
    final int slots() {
        return 1;
    }

    @Override
    final void clear(Tiles tiles, int tile) {
        set(tiles, tile, 0, none());
    }

    @Override
    final void add(Tiles tiles, int tile, Event event) {
        if (!event.isNull(column)) {
            long value = event.number(column);
            set(tiles, tile, 0, better(get(tiles, tile, 0), decimal ? ordered(value) : value));
        }
    }

    @Override
    final void merge(Tiles into, int tile, Tiles from, int fromTile) {
        set(into, tile, 0, better(get(into, tile, 0), get(from, fromTile, 0)));
    }

    /** Raw bits to an order-preserving long, and back: negative doubles order against their bits. */
    private static long ordered(long bits) {
        return bits ^ (bits >> 63 & Long.MAX_VALUE);
    }
}
