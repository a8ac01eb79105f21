package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** The value of a column in the first or the last event by (event time, source, partition, offset) that has one. Only
 * where that is the events' whole order: where they have no ids, and each record is one event. */
abstract class Outermost extends Cell {
    private static final int TIME = 0;
    private static final int PARTITION = 1;
    private static final int OFFSET = 2;
    private static final int NUMBER = 3;

    private final int column;
    private final boolean blob;

    Outermost(int column, boolean blob) {
        this.column = column;
        this.blob = blob;
    }

    /** The time that any event beats. */
    abstract long none();

    /** True if a thing so ordered against what is there takes its place; 0 is never asked. */
    abstract boolean wins(int order);

    final boolean isNull(Tiles tiles, int tile) {
        return get(tiles, tile, TIME) == none();
    }

    /** The number of a column that has numbers. */
    final long number(Tiles tiles, int tile) {
        return get(tiles, tile, NUMBER);
    }

    /** The blob of a column that has blobs. */
    final byte[] blob(Tiles tiles, int tile) {
        return (byte[]) getObject(tiles, tile);
    }

    @Override
    final int slots() {
        return blob ? NUMBER : NUMBER + 1;
    }

    @Override
    final int objects() {
        return blob ? 1 : 0;
    }

    @Override
    final void clear(Tiles tiles, int tile) {
        set(tiles, tile, TIME, none());
        if (blob) {
            setObject(tiles, tile, null);
        }
    }

    @Override
    final void add(Tiles tiles, int tile, Event event) {
        if (event.isNull(column)) {
            return;
        }
        long partition = (long) event.source << 32 | event.partition;
        if (wins(compare(event.eventTimeUs, partition, event.offset, tiles, tile))) {
            set(tiles, tile, TIME, event.eventTimeUs);
            set(tiles, tile, PARTITION, partition);
            set(tiles, tile, OFFSET, event.offset);
            if (blob) {
                setObject(tiles, tile, event.blob(column));
            } else {
                set(tiles, tile, NUMBER, event.number(column));
            }
        }
    }

    @Override
    final void merge(Tiles into, int tile, Tiles from, int fromTile) {
        long time = get(from, fromTile, TIME);
        long partition = get(from, fromTile, PARTITION);
        long offset = get(from, fromTile, OFFSET);
        if (time != none() && wins(compare(time, partition, offset, into, tile))) {
            set(into, tile, TIME, time);
            set(into, tile, PARTITION, partition);
            set(into, tile, OFFSET, offset);
            if (blob) {
                setObject(into, tile, getObject(from, fromTile));
            } else {
                set(into, tile, NUMBER, get(from, fromTile, NUMBER));
            }
        }
    }

    private int compare(long time, long partition, long offset, Tiles tiles, int tile) {
        int order = Long.compare(time, get(tiles, tile, TIME));
        if (order == 0) {
            order = Long.compare(partition, get(tiles, tile, PARTITION));
        }
        return order == 0 ? Long.compare(offset, get(tiles, tile, OFFSET)) : order;
    }
}
