package dev.headwater.kernel.window;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.aggregate.Values;
import dev.headwater.kernel.plan.Plan;
import java.util.stream.IntStream;

/**
 * Reads every window of a key in one backward pass over its tiles. The newest tile is in every window that holds
 * anything, so the tiles are merged one by one from the newest back, and each window is read off where it starts:
 *
 * <pre>
 *   tiles     |--|--|--|--|--|--|--|--|--> clock
 *   1h window ^ read last       |     |
 *   5m window                   ^     |
 *   1m window                         ^ read first
 * </pre>
 *
 * Reused from row to row; not for use by two threads.
 */
public final class WindowScan {
    /** Stands for the change or the end of a window that is empty already. */
    public static final long NEVER = Long.MAX_VALUE;

    private final SlidingWindow[] windows;
    private final int[][] featuresOf;
    private final CellLayout layout;
    private final int stride;
    private final Tiles merged;
    private final Values values;

    private final long[] starts;
    /** The windows by start, latest first. It changes little from row to row. */
    private final int[] order;

    private final long[] nextChangeUs;
    private final long[] emptyAtUs;

    public WindowScan(Plan plan, ViewWindows view, CellLayout layout) {
        windows = view.windows();
        this.layout = layout;
        stride = layout.stride();
        merged = new Tiles(1, stride, layout.blobStride());
        values = new Values(plan.features().size());
        starts = new long[windows.length];
        order = new int[windows.length];
        featuresOf = new int[windows.length][];
        for (int w = 0; w < windows.length; w++) {
            int window = w;
            order[w] = w;
            featuresOf[w] = IntStream.range(0, plan.features().size())
                    .filter(f -> plan.features().get(f).window() == window)
                    .toArray();
        }
        nextChangeUs = new long[windows.length];
        emptyAtUs = new long[windows.length];
    }

    /** Computes all windows of the key at its clock. What it was asked before is forgotten. */
    public void scan(KeyState state) {
        sortByStart(state.clockUs);
        layout.clear(merged, 0);
        int next = 0;
        for (int tile = state.end - 1; tile >= state.first; tile--) {
            long start = state.start(tile, stride);
            while (next < order.length && start < starts[order[next]]) {
                read(order[next], state, tile + 1);
                next++;
            }
            if (next == order.length) {
                return;
            }
            layout.merge(merged, 0, state, tile);
        }
        for (; next < order.length; next++) {
            read(order[next], state, state.first);
        }
    }

    /** The values of the last scan, by feature. */
    public Values values() {
        return values;
    }

    /** When the first event leaves the window, or {@link #NEVER} if it is empty. */
    public long nextChangeUs(int window) {
        return nextChangeUs[window];
    }

    /** When the last event leaves the window, or {@link #NEVER} if it is empty. */
    public long emptyAtUs(int window) {
        return emptyAtUs[window];
    }

    private void read(int window, KeyState state, int oldest) {
        if (oldest == state.end) {
            nextChangeUs[window] = NEVER;
            emptyAtUs[window] = NEVER;
        } else {
            nextChangeUs[window] = windows[window].tick(state.start(oldest, stride));
            emptyAtUs[window] = windows[window].tick(state.start(state.end - 1, stride));
        }
        for (int feature : featuresOf[window]) {
            layout.read(feature, merged, 0, values);
        }
    }

    private void sortByStart(long clockUs) {
        for (int w = 0; w < windows.length; w++) {
            starts[w] = windows[w].start(clockUs);
        }
        for (int i = 1; i < order.length; i++) {
            int window = order[i];
            int j = i - 1;
            for (; j >= 0 && starts[order[j]] < starts[window]; j--) {
                order[j + 1] = order[j];
            }
            order[j + 1] = window;
        }
    }
}
