package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The number of events. Every tile has it, in a place of its own, for the row's n. */
final class EventCount extends Cell implements Count {
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
        set(tiles, tile, 0, get(tiles, tile, 0) + 1);
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        set(into, tile, 0, get(into, tile, 0) + get(from, fromTile, 0));
    }
}
