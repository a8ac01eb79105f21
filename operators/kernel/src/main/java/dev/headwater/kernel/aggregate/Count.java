package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.window.Tiles;

/** How many values there are: all events, or those in which a column is not null. */
interface Count {
    long count(Tiles tiles, int tile);
}
