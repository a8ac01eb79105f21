package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The exact sum of a long column that holds Avro ints: 2^31 events of the greatest value still fit. */
final class LongSum extends Cell implements NumberSum {
    private final int column;

    LongSum(int column) {
        this.column = column;
    }

    @Override
    int slots() {
        return 1;
    }

    long exact(Tiles tiles, int tile) {
        return get(tiles, tile, 0);
    }

    @Override
    public double sum(Tiles tiles, int tile) {
        return exact(tiles, tile);
    }

    @Override
    void clear(Tiles tiles, int tile) {
        set(tiles, tile, 0, 0);
    }

    @Override
    void add(Tiles tiles, int tile, Event event) {
        if (!event.isNull(column)) {
            set(tiles, tile, 0, get(tiles, tile, 0) + event.number(column));
        }
    }

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        set(into, tile, 0, get(into, tile, 0) + get(from, fromTile, 0));
    }
}
