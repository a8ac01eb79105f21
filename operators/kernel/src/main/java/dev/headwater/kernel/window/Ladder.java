package dev.headwater.kernel.window;

import dev.headwater.kernel.plan.PlanException;
import java.util.Arrays;

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
    private final long[] sizesUs;

    Ladder(long... resolutionsUs) {
        sizesUs = Arrays.stream(resolutionsUs).sorted().distinct().toArray();
        for (int level = 1; level < sizesUs.length; level++) {
            if (sizesUs[level] % sizesUs[level - 1] != 0) {
                throw new PlanException("plan.windows: a resolution of " + sizesUs[level] / 1000
                        + " ms is no multiple of " + sizesUs[level - 1] / 1000 + " ms");
            }
        }
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
    void coarseBefore(SlidingWindow[] windows, long clockUs, long[] bounds) {
        Arrays.fill(bounds, Long.MAX_VALUE);
        for (SlidingWindow window : windows) {
            long start = window.start(clockUs);
            for (int level = levels() - 1; level > 0 && sizesUs[level] > window.resolutionUs(); level--) {
                bounds[level] = Math.min(bounds[level], start);
            }
        }
    }

    @Override
    public String toString() {
        return Arrays.toString(sizesUs);
    }
}
