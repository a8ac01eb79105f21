package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.Frequencies;
import dev.headwater.kernel.accumulator.Texts;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;

/** The weight of each value of a column, by text. A weight is a whole number of units; one that is not positive is ignored. */
final class FrequenciesCell extends AccumulatorCell<Frequencies> {
    /** A greater weight counts as this: so nine million of them still add up. */
    private static final long GREATEST_WEIGHT = 1_000_000_000_000L;

    private final int column;
    private final ColumnType type;
    private final int weight;
    private final boolean decimalWeight;
    private final double unitsOfOne;

    /** {@code weight}: the column of the weight, or -1 for one each; a decimal one has {@code unitsOfOne} to its 1. */
    FrequenciesCell(int column, ColumnType type, int weight, boolean decimalWeight, double unitsOfOne) {
        super(Frequencies.class, column);
        this.column = column;
        this.type = type;
        this.weight = weight;
        this.decimalWeight = decimalWeight;
        this.unitsOfOne = unitsOfOne;
    }

    @Override
    Frequencies create(Event event) {
        return new Frequencies();
    }

    @Override
    void add(Frequencies frequencies, Event event) {
        long units = units(event);
        if (units > 0) {
            frequencies.add(Texts.text(event, column, type), units);
        }
    }

    @Override
    void merge(Frequencies into, Frequencies from) {
        into.merge(from);
    }

    private long units(Event event) {
        if (weight < 0) {
            return 1;
        }
        if (event.isNull(weight)) {
            return 0;
        }
        if (decimalWeight) {
            return (long) Math.min(Math.rint(event.decimal(weight) * unitsOfOne), GREATEST_WEIGHT);
        }
        return Math.min(event.number(weight), GREATEST_WEIGHT);
    }
}
