package dev.headwater.kernel.aggregate;

/** The least value of a number column. */
final class Min extends Extreme {
    Min(int column, boolean decimal) {
        super(column, decimal);
    }

    @Override
    long none() {
        return Long.MAX_VALUE;
    }

    @Override
    long better(long a, long b) {
        return Math.min(a, b);
    }
}
