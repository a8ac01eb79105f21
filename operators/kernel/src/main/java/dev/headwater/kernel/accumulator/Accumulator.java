package dev.headwater.kernel.accumulator;

import java.io.DataOutput;
import java.io.IOException;

/**
 * What a tile keeps of an aggregate that does not fit into longs. Mutable, so no two tiles ever share one. How much is
 * kept is told anew with each call, by the cell that has read the plan: a restored state knows no plan.
 */
public interface Accumulator {

    /** Says in a written state what follows; see {@link TileObjects}. */
    byte tag();

    /** One that does not change with this one. */
    Accumulator copy();

    /** Writes what the kind's own {@code read} reads. */
    void write(DataOutput out) throws IOException;
}
