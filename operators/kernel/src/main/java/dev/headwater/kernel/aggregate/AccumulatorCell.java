package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.Accumulator;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** A cell of one object, which is there once an event has had a value. */
abstract class AccumulatorCell<A extends Accumulator> extends Cell {
    private final Class<A> type;
    private final int column;

    AccumulatorCell(Class<A> type, int column) {
        this.type = type;
        this.column = column;
    }

    abstract A create(Event event);

    abstract void add(A accumulator, Event event);

    abstract void merge(A into, A from);

    /** What the tile has gathered; null if there was no value. Not to be changed. */
    final A in(Tiles tiles, int tile) {
        return type.cast(getObject(tiles, tile));
    }

    @Override
    final int slots() {
        return 0;
    }

    @Override
    final int objects() {
        return 1;
    }

    @Override
    final void clear(Tiles tiles, int tile) {
        setObject(tiles, tile, null);
    }

    @Override
    final void add(Tiles tiles, int tile, Event event) {
        if (event.isNull(column)) {
            return;
        }
        A accumulator = in(tiles, tile);
        if (accumulator == null) {
            accumulator = create(event);
            setObject(tiles, tile, accumulator);
        }
        add(accumulator, event);
    }

    @Override
    final void merge(Tiles into, int tile, Tiles from, int fromTile) {
        A merged = in(from, fromTile);
        if (merged == null) {
            return;
        }
        A present = in(into, tile);
        if (present == null) {
            setObject(into, tile, merged.copy());
        } else {
            merge(present, merged);
        }
    }
}
