package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.window.Tiles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Which cells the tiles of a view have, and where. A cell that several features need is there once, and none is there
 * that no feature needs.
 */
public final class CellLayout {
    private final Map<String, Cell> byName = new LinkedHashMap<>();
    private final EventCount events = new EventCount();
    private final Output[] outputs;
    /** In the order in which they take an event or a tile: those that read others first, the events' count last. */
    private final Cell[] cells;

    private final int stride;
    private final int blobStride;

    public CellLayout(Plan plan) {
        List<Output> all = new ArrayList<>();
        for (Plan.Feature feature : plan.features()) {
            all.add(Aggregates.output(feature, new Cells(plan, this)));
        }
        outputs = all.toArray(new Output[0]);

        int slot = Tiles.CELLS;
        int blob = 0;
        List<Cell> readers = new ArrayList<>();
        List<Cell> others = new ArrayList<>();
        for (Cell cell : byName.values()) {
            cell.at = slot;
            cell.blobAt = blob;
            slot += cell.slots();
            blob += cell.blobs();
            (cell.readsOthers() ? readers : others).add(cell);
        }
        events.at = Tiles.COUNT;
        stride = slot;
        blobStride = blob;
        readers.addAll(others);
        readers.add(events);
        cells = readers.toArray(new Cell[0]);
        for (Cell cell : cells) {
            cell.stride = stride;
            cell.blobStride = blobStride;
        }
    }

    /** Longs that a tile takes, header and count of events included. */
    public int stride() {
        return stride;
    }

    /** Blobs that a tile takes. */
    public int blobStride() {
        return blobStride;
    }

    /** The cells in the order of their slots, in words. */
    public String fingerprint() {
        return "cells " + String.join(", ", byName.keySet());
    }

    public void clear(Tiles tiles, int tile) {
        for (Cell cell : cells) {
            cell.clear(tiles, tile);
        }
    }

    public void add(Tiles tiles, int tile, Event event) {
        for (Cell cell : cells) {
            cell.add(tiles, tile, event);
        }
    }

    public void merge(Tiles into, int tile, Tiles from, int fromTile) {
        for (Cell cell : cells) {
            cell.merge(into, tile, from, fromTile);
        }
    }

    /** Writes what the feature is over the events of the tile. */
    public void read(int feature, Tiles tiles, int tile, Values values) {
        outputs[feature].read(tiles, tile, values, feature);
    }

    Count events() {
        return events;
    }

    /** The cell of this name; the first to ask for it makes it. A name says all that the cell depends on. */
    <C extends Cell> C share(String name, Class<C> type, Supplier<C> maker) {
        return type.cast(byName.computeIfAbsent(name, absent -> maker.get()));
    }
}
