package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.window.Tiles;

/** Reads one feature's value from the cells of a tile, which may be one of no events. */
@FunctionalInterface
interface Output {
    /** Of a feature that is derived from others. */
    Output NONE = (tiles, tile, values, feature) -> {};

    void read(Tiles tiles, int tile, Values values, int feature);
}
