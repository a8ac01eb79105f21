package dev.headwater.kernel.window;

import dev.headwater.kernel.plan.PlanException;
import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * The sizes that a tile can have: the resolutions of the view's windows, each a multiple of the one before. A tile of
 * level l covers [start, start + size(l)), and its start is a multiple of its size, so tiles nest and never overlap by
 * halves.
 *
 * <p>A tile may be as coarse as level l only where the whole of it lies before the start of every window whose
 * resolution is finer than size(l): such a window would cut it in two. Window starts never go back, so what may be
 * coarse once may be coarse for ever.
 */
public final class Ladder {
    private static final long END_OF_TIME_US = WindowScan.END_OF_TIME_US;

    private final long[] sizesUs;

    Ladder(long... sizesUs) {
        this.sizesUs = Arrays.stream(sizesUs).sorted().distinct().toArray();
        checkNesting();
    }

    /** The ladder of these windows. Where nothing leaves one of them, its past is kept in tiles of doubling sizes. */
    static Ladder of(ViewWindow... windows) {
        long[] moving = Arrays.stream(windows)
                .filter(w -> !w.isEndless())
                .mapToLong(ViewWindow::resolutionUs)
                .toArray();
        if (moving.length == 0) {
            return new Ladder(windows[0].resolutionUs());
        }
        if (moving.length == windows.length) {
            return new Ladder(moving);
        }
        long coarsest = Arrays.stream(moving).max().orElseThrow();
        LongStream doubling = LongStream.iterate(2 * coarsest, size -> size < END_OF_TIME_US, size -> 2 * size);
        return new Ladder(LongStream.concat(Arrays.stream(moving), doubling).toArray());
    }

    int levels() {
        return sizesUs.length;
    }

    long sizeUs(int level) {
        return sizesUs[level];
    }

    /** The start of the tile of this level that covers the time. */
    long tileStart(long timeUs, int level) {
        return timeUs - Math.floorMod(timeUs, sizesUs[level]);
    }

    /**
     * Fills in, for each level, the least start of the windows that are too fine for tiles of that level:
     * a tile may have the level if it ends at or before that.
     */
    void coarseBefore(ViewWindow[] windows, long clockUs, long[] bounds) {
        Arrays.fill(bounds, Long.MAX_VALUE);
        for (ViewWindow window : windows) {
            if (window.isEndless()) {
                continue;
            }
            long start = window.start(clockUs);
            for (int level = levels() - 1; level > 0 && sizesUs[level] > window.resolutionUs(); level--) {
                bounds[level] = Math.min(bounds[level], start);
            }
        }
    }

    private void checkNesting() {
        for (int level = 1; level < sizesUs.length; level++) {
            if (sizesUs[level] % sizesUs[level - 1] != 0) {
                throw new PlanException("plan.windows: a resolution of " + sizesUs[level] / 1000
                        + " ms is no multiple of " + sizesUs[level - 1] / 1000 + " ms");
            }
        }
    }

    @Override
    public String toString() {
        return Arrays.toString(sizesUs);
    }
}
