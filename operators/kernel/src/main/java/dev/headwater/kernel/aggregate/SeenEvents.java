package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.EventIds;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.window.Tiles;

/** Which events of a tile have been seen, where events have ids. No feature reads it. */
public final class SeenEvents extends Cell {

    /** Notes an event of the tile, and says whether it was there already. Whoever adds events asks this first. */
    public EventIds.Found see(Tiles tiles, int tile, Event event) {
        EventIds ids = in(tiles, tile);
        if (ids == null) {
            ids = new EventIds();
            setObject(tiles, tile, ids);
        }
        return ids.add(event);
    }

    /** Forgets all events of the tile, which are too old for copies to be recognised. */
    public void forget(Tiles tiles, int tile) {
        setObject(tiles, tile, null);
    }

    @Override
    int slots() {
        return 0;
    }

    @Override
    int objects() {
        return 1;
    }

    @Override
    void clear(Tiles tiles, int tile) {
        setObject(tiles, tile, null);
    }

    /** Nothing: the event was noted when it was asked for. */
    @Override
    void add(Tiles tiles, int tile, Event event) {}

    @Override
    void merge(Tiles into, int tile, Tiles from, int fromTile) {
        EventIds merged = in(from, fromTile);
        if (merged == null) {
            return;
        }
        EventIds present = in(into, tile);
        if (present == null) {
            setObject(into, tile, merged.copy());
        } else {
            present.addAll(merged);
        }
    }

    private EventIds in(Tiles tiles, int tile) {
        return (EventIds) getObject(tiles, tile);
    }
}
