package dev.headwater.kernel.window;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What the tiles of a view hold, where, and of which events: written into every savepoint, so that a later job can tell
 * whether it may go on from it.
 *
 * <p>A job may leave cells out and have them in another order. It may not want a cell that the tiles lack, nor take other
 * events, other windows or another field under a column's name: values that are there would change under it.
 *
 * @param words generation, windows and cells in the plan's order: all that savepoints of versions 1 and 2 say
 * @param meaning which events and windows the tiles are of; empty if that is not known
 * @param columns by name, of which type each column is and where its values come from in the events
 */
record StateLayout(
        String words,
        int stride,
        int objectStride,
        String meaning,
        Map<String, String> columns,
        List<CellLayout.Place> cells)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    static StateLayout of(Plan plan, ViewWindows windows, CellLayout cells) {
        String generation = "generation " + plan.generation() + "; ";
        return new StateLayout(
                generation + windows.fingerprint(),
                cells.stride(),
                cells.objectStride(),
                generation + eventsOf(plan) + "; " + windowsOf(plan),
                columnsOf(plan),
                cells.places());
    }

    /** A layout of which no more is known than savepoints of versions 1 and 2 say. */
    static StateLayout inWords(String words, int stride, int objectStride) {
        return new StateLayout(words, stride, objectStride, "", Map.of(), List.of());
    }

    /** True if tiles of the other layout are tiles of this one as they are. */
    boolean isAs(StateLayout other) {
        boolean same = isKnown() && other.isKnown() ? cells.equals(other.cells) : words.equals(other.words);
        return same && stride == other.stride && objectStride == other.objectStride;
    }

    /** True if a view of this layout may go on from tiles of the other one, be it after moving their cells. */
    boolean canFollow(StateLayout other) {
        if (!isKnown() || !other.isKnown()) {
            return isAs(other);
        }
        return meaning.equals(other.meaning)
                && columns.entrySet().stream()
                        .allMatch(c -> c.getValue().equals(other.columns.getOrDefault(c.getKey(), c.getValue())))
                && cells.stream().allMatch(cell -> other.placeOf(cell) != null);
    }

    /** The tiles' longs, of which the other layout is, in this layout. */
    long[] moveSlots(long[] slots, StateLayout other, int first, int end) {
        long[] moved = new long[(end - first) * stride];
        for (int tile = first; tile < end; tile++) {
            int from = tile * other.stride;
            int to = (tile - first) * stride;
            System.arraycopy(slots, from, moved, to, Tiles.CELLS);
            for (CellLayout.Place cell : cells) {
                System.arraycopy(slots, from + other.placeOf(cell).at(), moved, to + cell.at(), cell.slots());
            }
        }
        return moved;
    }

    /** The same of the tiles' objects; null if there are none. */
    Object[] moveObjects(Object[] objects, StateLayout other, int first, int end) {
        if (objectStride == 0) {
            return null;
        }
        Object[] moved = new Object[(end - first) * objectStride];
        for (int tile = first; tile < end; tile++) {
            for (CellLayout.Place cell : cells) {
                int from = tile * other.objectStride + other.placeOf(cell).objectAt();
                System.arraycopy(
                        objects, from, moved, (tile - first) * objectStride + cell.objectAt(), cell.objects());
            }
        }
        return moved;
    }

    private boolean isKnown() {
        return !meaning.isEmpty();
    }

    private CellLayout.Place placeOf(CellLayout.Place wanted) {
        for (CellLayout.Place cell : cells) {
            if (cell.isLike(wanted)) {
                return cell;
            }
        }
        return null;
    }

    private static String eventsOf(Plan plan) {
        return plan.sources().stream()
                .map(source -> String.join(
                        " ",
                        "events of " + source.topic(),
                        "exploding " + source.explode(),
                        "where " + source.where(),
                        "key " + source.key(),
                        "time " + source.eventTimePath() + (source.eventTimeInMicros() ? " us" : " ms"),
                        "id " + source.eventId(),
                        "expecting " + expected(source),
                        "skew " + source.allowedSkewMs() + " ms"))
                .collect(Collectors.joining("; ", "entity " + plan.entity() + "; ", ""))
                + "; ids known for " + plan.deduplicationMs() + " ms";
    }

    /** What an event must meet to count, whatever becomes of one that does not. */
    private static List<String> expected(Plan.Source source) {
        return source.expectations().stream()
                .filter(Plan.Expectation::isRequired)
                .map(each -> each.isCondition() ? each.cel() : "within " + each.freshWithinMs() + " ms")
                .distinct()
                .sorted()
                .toList();
    }

    private static String windowsOf(Plan plan) {
        return "windows " + plan.windows().stream().map(window -> described(window, plan)).sorted().toList();
    }

    private static String described(Window window, Plan plan) {
        if (window instanceof Window.Calendar calendar) {
            Plan.Zone zone = plan.zones().get(calendar.zone());
            int table = 31 * Arrays.hashCode(zone.seconds()) + Arrays.hashCode(zone.offsets());
            return (calendar.complete() ? "the " : "this ") + calendar.unit() + "/" + calendar.resolutionMs() + " in "
                    + zone.name() + " " + Integer.toHexString(table);
        }
        return window.toString();
    }

    private static Map<String, String> columnsOf(Plan plan) {
        Map<String, String> columns = new TreeMap<>();
        for (int column = 0; column < plan.columns().size(); column++) {
            List<String> inputs = new ArrayList<>();
            for (Plan.Source source : plan.sources()) {
                inputs.add(String.valueOf(source.columns().get(column)));
            }
            columns.put(plan.columns().get(column).name(), plan.columns().get(column) + " from " + inputs);
        }
        return columns;
    }
}
