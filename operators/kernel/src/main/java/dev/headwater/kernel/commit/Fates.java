package dev.headwater.kernel.commit;

import java.io.IOException;

/** Knows what became of the transaction of a record. */
interface Fates {

    /**
     * @throws IOException if that cannot be found out now
     */
    Fate of(Witness witness) throws IOException;
}
