package dev.headwater.kernel.window;

import dev.headwater.kernel.aggregate.Cell;
import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.aggregate.Values;
import dev.headwater.kernel.plan.Plan;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Reads every window of a key. Those that reach up to the clock are read in one backward pass over the tiles: the newest
 * tile is in every one that holds anything, so the tiles are merged one by one from the newest back, and each window is
 * read off where it starts:
 *
 * <pre>
 *   tiles     |--|--|--|--|--|--|--|--|--> clock
 *   1h window ^ read last       |     |
 *   5m window                   ^     |
 *   1m window                         ^ read first
 * </pre>
 *
 * A cell is merged no further back than the last window that needs it. Where no tile lies between the starts of two
 * windows, what both say is read once. Windows that end before the clock have a pass each. Reused from row to row; not
 * for use by two threads.
 */
public final class WindowScan {
    /** Stands for the change or the end of a window that is empty already. */
    public static final long NEVER = Long.MAX_VALUE;
    /** Stands for the end of a window that nothing leaves: late in 9998, behind every tick of any event. */
    public static final long END_OF_TIME_US = 253_367_568_000_000_000L;

    private final ViewWindow[] windows;
    private final int[][] featuresOf;
    private final CellLayout layout;
    private final int stride;
    private final Tiles merged;
    private final Values values;

    private final long[] starts;
    /** The windows up to the clock by start, latest first. It changes little from row to row. */
    private final int[] order;
    /** Of each place in that order, the cells that the windows from there on need. */
    private final Cell[][] neededFrom;

    /** Of each place in that order, by feature of the window: the one before it that says the same, or -1. */
    private final int[][] sameBefore;

    private final int[] neededInOrder;
    /** The windows that end before the clock, and the cells that each needs. */
    private final int[] headed;

    private final Cell[][] headedCells;

    private final long[] nextChangeUs;
    private final long[] emptyAtUs;

    public WindowScan(Plan plan, ViewWindows view, CellLayout layout) {
        this.layout = layout;
        stride = layout.stride();
        merged = new Tiles(1, stride, layout.objectStride());
        values = new Values(plan.features().size());
        int count = plan.windows().size();
        windows = IntStream.range(0, count).mapToObj(view::window).toArray(ViewWindow[]::new);
        featuresOf = IntStream.range(0, count)
                .mapToObj(w -> featuresOf(plan, w))
                .toArray(int[][]::new);
        order = IntStream.range(0, count).filter(w -> windows[w].head() == null).toArray();
        headed = IntStream.range(0, count).filter(w -> windows[w].head() != null).toArray();
        headedCells = IntStream.of(headed).mapToObj(w -> layout.cellsOf(featuresOf[w])).toArray(Cell[][]::new);
        starts = new long[count];
        neededFrom = new Cell[order.length + 1][];
        sameBefore = new int[order.length][];
        neededInOrder = new int[order.length];
        Arrays.fill(neededInOrder, -1);
        nextChangeUs = new long[count];
        emptyAtUs = new long[count];
    }

    /** Computes all windows of the key at its clock. What it was asked before is forgotten. */
    public void scan(KeyState state) {
        values.clockUs = state.clockUs;
        if (order.length > 0) {
            scanUpToClock(state);
        }
        for (int i = 0; i < headed.length; i++) {
            scanHeaded(headed[i], headedCells[i], state);
        }
        layout.derive(values);
    }

    /** The values of the last scan, by feature. */
    public Values values() {
        return values;
    }

    /** When the next event enters or leaves the window, or {@link #NEVER}. */
    public long nextChangeUs(int window) {
        return nextChangeUs[window];
    }

    /** When the last event leaves the window, or {@link #NEVER} if there is none in it and none will come into it. */
    public long emptyAtUs(int window) {
        return emptyAtUs[window];
    }

    private void scanUpToClock(KeyState state) {
        sortByStart(state);
        CellLayout.clear(neededFrom[0], merged, 0);
        int next = 0;
        for (int tile = state.end - 1; tile >= state.first; tile--) {
            long start = state.start(tile, stride);
            int from = next;
            while (next < order.length && start < starts[order[next]]) {
                next++;
            }
            readInOrder(from, next, state, tile + 1);
            if (next == order.length) {
                return;
            }
            CellLayout.merge(neededFrom[next], merged, 0, state, tile);
        }
        readInOrder(next, order.length, state, state.first);
    }

    /** The windows of these places in the order, whose oldest tile is the given one. */
    private void readInOrder(int from, int to, KeyState state, int oldest) {
        for (int place = from; place < to; place++) {
            readTimes(order[place], state, oldest);
            if (place == from) {
                readValues(order[place]);
            } else {
                repeatValues(place);
            }
        }
    }

    private void scanHeaded(int window, Cell[] cells, KeyState state) {
        CellLayout.clear(cells, merged, 0);
        int from = state.firstFrom(windows[window].start(state.clockUs), stride);
        int to = state.firstFrom(windows[window].end(state.clockUs), stride);
        // From the newest back, as all windows are read, so that sums are rounded alike.
        for (int tile = to - 1; tile >= from; tile--) {
            CellLayout.merge(cells, merged, 0, state, tile);
        }
        readTimes(window, state, from);
        readValues(window);
        if (to < state.end) {
            long enters = windows[window].head().tick(state.start(to, stride));
            nextChangeUs[window] = Math.min(nextChangeUs[window], enters);
        }
    }

    /** Of a window whose oldest tile is the given one, or {@code state.end} if it is empty. */
    private void readTimes(int window, KeyState state, int oldest) {
        ViewWindow read = windows[window];
        if (oldest == state.end) {
            nextChangeUs[window] = NEVER;
            emptyAtUs[window] = NEVER;
        } else if (read.isEndless()) {
            nextChangeUs[window] = NEVER;
            emptyAtUs[window] = END_OF_TIME_US;
        } else {
            nextChangeUs[window] = read.tail().tick(state.start(oldest, stride));
            emptyAtUs[window] = read.tail().tick(state.start(state.end - 1, stride));
            if (read.isSession()) {
                long closes = read.close().tick(state.start(state.end - 1, stride));
                nextChangeUs[window] = Math.min(nextChangeUs[window], closes);
                emptyAtUs[window] = Math.min(emptyAtUs[window], closes);
            }
        }
    }

    private void readValues(int window) {
        for (int feature : featuresOf[window]) {
            layout.read(feature, merged, 0, values);
        }
    }

    /** Of the window at that place in the order, which holds the same tiles as the one before it. */
    private void repeatValues(int place) {
        int[] features = featuresOf[order[place]];
        int[] before = sameBefore[place];
        for (int i = 0; i < features.length; i++) {
            if (before[i] >= 0) {
                values.copy(before[i], features[i]);
            } else {
                layout.read(features[i], merged, 0, values);
            }
        }
    }

    private void sortByStart(KeyState state) {
        for (int w : order) {
            starts[w] = windows[w].isSession() ? sessionStart(windows[w], state) : windows[w].start(state.clockUs);
        }
        for (int i = 1; i < order.length; i++) {
            int window = order[i];
            int j = i - 1;
            for (; j >= 0 && starts[order[j]] < starts[window]; j--) {
                order[j + 1] = order[j];
            }
            order[j + 1] = window;
        }
        if (!Arrays.equals(order, neededInOrder)) {
            System.arraycopy(order, 0, neededInOrder, 0, order.length);
            for (int i = 0; i <= order.length; i++) {
                int[] unread = IntStream.range(i, order.length)
                        .flatMap(o -> IntStream.of(featuresOf[order[o]]))
                        .toArray();
                neededFrom[i] = layout.cellsOf(unread);
            }
            for (int i = 1; i < order.length; i++) {
                int[] before = featuresOf[order[i - 1]];
                sameBefore[i] = IntStream.of(featuresOf[order[i]])
                        .map(f -> layout.sameOf(f, before))
                        .toArray();
            }
        }
    }

    /** Where the session that is under way starts; after the clock if none is. */
    private long sessionStart(ViewWindow session, KeyState state) {
        long earliest = session.start(state.clockUs);
        long start = Long.MAX_VALUE;
        long pauseAfterUs = state.clockUs;
        for (int tile = state.end - 1; tile >= state.first && state.start(tile, stride) >= earliest; tile--) {
            long tileStart = state.start(tile, stride);
            if (session.close().tick(tileStart) <= pauseAfterUs) {
                break;
            }
            start = tileStart;
            // Within a step there is no pause.
            pauseAfterUs = Math.floorDiv(tileStart, session.resolutionUs()) * session.resolutionUs();
        }
        return start;
    }

    private static int[] featuresOf(Plan plan, int window) {
        return IntStream.range(0, plan.features().size())
                .filter(f -> plan.features().get(f).window() == window)
                .toArray();
    }
}
