package dev.headwater.kernel.accumulator;

/**
 * Exponential decay. A sum of weights is kept as of an instant that is a whole number of half-lives since 1970, no
 * earlier than any of its events: so weights are at most 1, and moving the sum to a later such instant is exact.
 */
public record HalfLife(long us) {
    /** More half-lives than leave anything of the greatest double. */
    private static final long ALL = 2200;

    /** The number of the first such instant after the event. */
    public long instantAfter(long eventTimeUs) {
        return Math.floorDiv(eventTimeUs, us) + 1;
    }

    /** What an event of this time weighs at the instant. */
    public double weight(long eventTimeUs, long instant) {
        return Math.pow(2, (double) (eventTimeUs - instant * us) / us);
    }

    /** What is left at the instant {@code to} of a sum as of {@code from}, which is not after it. */
    public static double moved(double sum, long from, long to) {
        return Math.scalb(sum, (int) -Math.min(to - from, ALL));
    }
}
