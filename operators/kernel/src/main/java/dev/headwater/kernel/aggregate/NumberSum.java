package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.window.Tiles;

/** The sum of a column, to a double's precision. */
interface NumberSum {
    double sum(Tiles tiles, int tile);
}
