package dev.headwater.kernel.aggregate;

/** The greatest value of a number column. */
final class Max extends Extreme {
    Max(int column, boolean decimal) {
        super(column, decimal);
    }

    @Override
    long none() {
        return Long.MIN_VALUE;
    }

    @Override
    long better(long a, long b) {
        return Math.max(a, b);
    }
}
