package dev.headwater.kernel.aggregate;

/** The value in the last event that has one. */
final class Last extends Outermost {
    Last(int column, boolean blob) {
        super(column, blob);
    }

    @Override
    long none() {
        return Long.MIN_VALUE;
    }

    @Override
    boolean wins(int order) {
        return order > 0;
    }
}
