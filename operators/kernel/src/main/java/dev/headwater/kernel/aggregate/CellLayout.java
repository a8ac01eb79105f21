package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.window.Tiles;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Which cells the tiles of a view have, and where. A cell that several features need is there once, and none is there
 * that no feature needs.
 */
public final class CellLayout {
    /** A cell by its name, which says all that it depends on; its longs and its objects in a tile. */
    public record Place(String name, int at, int slots, int objectAt, int objects)
            implements Serializable {
        private static final long serialVersionUID = 1L;

        /** True if both are the same cell, wherever it stands. */
        public boolean isLike(Place other) {
            return name.equals(other.name) && slots == other.slots && objects == other.objects;
        }
    }

    private final Map<String, Cell> byName = new LinkedHashMap<>();
    private final EventCount events = new EventCount();
    private final Output[] outputs;
    /** By feature, what it says of a window's events, whichever window. */
    private final Plan.Feature[] meanings;

    private final Derivations derivations;
    private final SeenEvents seen;
    /** By feature, the cells that it reads. */
    private final List<Set<Cell>> usedBy = new ArrayList<>();
    /** In the order in which they take an event or a tile: the deepest first, the events' count last. */
    private final Cell[] cells;

    private final int stride;
    private final int objectStride;

    public CellLayout(Plan plan) {
        List<Output> all = new ArrayList<>();
        for (Plan.Feature feature : plan.features()) {
            usedBy.add(new HashSet<>());
            boolean derived = !feature.inputs().isEmpty();
            all.add(derived ? Output.NONE : Aggregates.output(feature, new Cells(plan, feature.filter(), this)));
        }
        outputs = all.toArray(new Output[0]);
        meanings = plan.features().stream().map(Plan.Feature::ofAnyWindow).toArray(Plan.Feature[]::new);
        seen = plan.deduplicationMs() > 0 ? new SeenEvents() : null;
        if (seen != null) {
            byName.put("seen events", seen);
        }
        derivations = new Derivations(plan);

        int slot = Tiles.CELLS;
        int object = 0;
        for (Cell cell : byName.values()) {
            cell.at = slot;
            cell.objectAt = object;
            slot += cell.slots();
            object += cell.objects();
        }
        events.at = Tiles.COUNT;
        stride = slot;
        objectStride = object;
        List<Cell> inOrder = new ArrayList<>(byName.values());
        inOrder.sort(Comparator.comparingInt(Cell::depth).reversed());
        inOrder.add(events);
        cells = inOrder.toArray(new Cell[0]);
        for (Cell cell : cells) {
            cell.stride = stride;
            cell.objectStride = objectStride;
        }
    }

    /** Longs that a tile takes, header and count of events included. */
    public int stride() {
        return stride;
    }

    /** Objects that a tile takes. */
    public int objectStride() {
        return objectStride;
    }

    /** The cells in the order of their slots, in words. */
    public String fingerprint() {
        return "cells " + String.join(", ", byName.keySet());
    }

    /** The cells in the order of their slots, and where in a tile each of them is. */
    public List<Place> places() {
        return byName.entrySet().stream()
                .map(each -> new Place(
                        each.getKey(),
                        each.getValue().at,
                        each.getValue().slots(),
                        each.getValue().objectAt,
                        each.getValue().objects()))
                .toList();
    }

    /** What tells copies of events; null if the view's events have no ids. */
    public SeenEvents seen() {
        return seen;
    }

    public void clear(Tiles tiles, int tile) {
        clear(cells, tiles, tile);
    }

    public void add(Tiles tiles, int tile, Event event) {
        for (Cell cell : cells) {
            if (cell.filter < 0 || event.isTrue(cell.filter)) {
                cell.add(tiles, tile, event);
            }
        }
    }

    public void merge(Tiles into, int tile, Tiles from, int fromTile) {
        merge(cells, into, tile, from, fromTile);
    }

    /** Those cells that these features are read from, in an order in which they can be merged. */
    public Cell[] cellsOf(int... features) {
        Set<Cell> needed = new HashSet<>();
        for (int feature : features) {
            needed.addAll(usedBy.get(feature));
        }
        return Arrays.stream(cells).filter(needed::contains).toArray(Cell[]::new);
    }

    /** Like {@link #clear(Tiles, int)}, for some of the cells. */
    public static void clear(Cell[] some, Tiles tiles, int tile) {
        for (Cell cell : some) {
            cell.clear(tiles, tile);
        }
    }

    /** Like {@link #merge(Tiles, int, Tiles, int)}, for some of the cells. */
    public static void merge(Cell[] some, Tiles into, int tile, Tiles from, int fromTile) {
        for (Cell cell : some) {
            cell.merge(into, tile, from, fromTile);
        }
    }

    /** Writes what the feature is over the events of the tile. */
    public void read(int feature, Tiles tiles, int tile, Values values) {
        outputs[feature].read(tiles, tile, values, feature);
    }

    /** Which of the others says of the same events the same as the feature, or -1. */
    public int sameOf(int feature, int... others) {
        return Arrays.stream(others)
                .filter(other -> meanings[other].equals(meanings[feature]))
                .findFirst()
                .orElse(-1);
    }

    /** Writes the features that follow from others, which must have been read. */
    public void derive(Values values) {
        derivations.derive(values);
    }

    Count events() {
        usedBy.get(usedBy.size() - 1).add(events);
        return events;
    }

    /** The cell of this name; the first to ask for it makes it. A name says all that the cell depends on. */
    <C extends Cell> C share(String name, Class<C> type, Supplier<C> maker) {
        Cell cell = byName.computeIfAbsent(name, absent -> maker.get());
        usedBy.get(usedBy.size() - 1).add(cell);
        return type.cast(cell);
    }
}
