package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/**
 * An accumulator that every tile carries: some longs (doubles as raw bits), perhaps one object. Features of one view
 * share cells. Merging must not depend on how events were spread over tiles, but for rounding.
 */
public abstract class Cell {
    /** Longs from one tile to the next, and this cell's first long in a tile. Set when the layout is complete. */
    int stride;

    int at;
    /** The same for objects, if the cell has one. */
    int objectStride;

    int objectAt;

    /** The boolean column that an event must have true to be added, or -1. Set when the cell is made. */
    int filter = -1;

    /** Longs that the cell takes in each tile. */
    abstract int slots();

    /** Objects that the cell takes in each tile: 0 or 1. */
    int objects() {
        return 0;
    }

    /**
     * 0 if the cell reads no other; else one more than the deepest of those that it reads. They must be as they were
     * before an event or a tile is added, so the deepest cells take it first.
     */
    int depth() {
        return 0;
    }

    /** Makes the cell that of no events at all. */
    abstract void clear(Tiles tiles, int tile);

    abstract void add(Tiles tiles, int tile, Event event);

    abstract void merge(Tiles into, int tile, Tiles from, int fromTile);

    final long get(Tiles tiles, int tile, int slot) {
        return tiles.slots[tile * stride + at + slot];
    }

    final void set(Tiles tiles, int tile, int slot, long value) {
        tiles.slots[tile * stride + at + slot] = value;
    }

    final double getDecimal(Tiles tiles, int tile, int slot) {
        return Double.longBitsToDouble(get(tiles, tile, slot));
    }

    final void setDecimal(Tiles tiles, int tile, int slot, double value) {
        set(tiles, tile, slot, Double.doubleToRawLongBits(value));
    }

    final Object getObject(Tiles tiles, int tile) {
        return tiles.objects[tile * objectStride + objectAt];
    }

    final void setObject(Tiles tiles, int tile, Object value) {
        tiles.objects[tile * objectStride + objectAt] = value;
    }
}
