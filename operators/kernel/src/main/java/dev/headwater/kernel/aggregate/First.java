package dev.headwater.kernel.aggregate;

/** The value in the first event that has one. */
final class First extends Outermost {
    First(int column, boolean blob) {
        super(column, blob);
    }

    @Override
    long none() {
        return Long.MAX_VALUE;
    }

    @Override
    boolean wins(int order) {
        return order < 0;
    }
}
