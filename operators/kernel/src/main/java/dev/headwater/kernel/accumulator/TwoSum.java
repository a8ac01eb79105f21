package dev.headwater.kernel.accumulator;

/** Knuth's two-sum: what rounding takes from an addition, without a comparison. */
public final class TwoSum {
    private TwoSum() {}

    /** What must be added to {@code after}, the rounded sum of the other two, to make it exact. */
    public static double error(double before, double added, double after) {
        double taken = after - before;
        return (before - (after - taken)) + (added - taken);
    }

    /** A sum and what rounding has taken from it so far. Past the greatest double the error is not a number. */
    public static double total(double sum, double lost) {
        return Double.isInfinite(sum) ? sum : sum + lost;
    }
}
