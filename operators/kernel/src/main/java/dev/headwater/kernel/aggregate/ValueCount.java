package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The number of events in which a nullable column is not null. */
final class ValueCount extends Cell implements Count {
    private final int column;

    ValueCount(int column) {
        this.column = column;
    }

    @Override
    int slots() {
        return 1;
    }

    @Override
    public long count(Tiles tiles, int tile) {
        return get(tiles, tile, 0);
    }

    @Override
    void clear(Tiles tiles, int tile) {
        set(tiles, tile, 0, 0);
    }

    @Override
    void add(Tiles tiles, int tile, Event event) {
        if (column < 0 || !event.isNull(column)) {
            set(tiles, tile, 0, get(tiles, tile, 0) + 1);
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        set(into, tile, 0, get(into, tile, 0) + get(from, fromTile, 0));
    }
}
