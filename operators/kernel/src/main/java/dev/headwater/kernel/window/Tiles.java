package dev.headwater.kernel.window;

import java.util.Arrays;

/**
 * A sorted array of disjoint tiles. Tile i is the {@code stride} longs from i * stride on: a header (start | level),
 * the number of events, and the slots of the aggregates' cells; and {@code objectStride} objects, of the kinds that
 * {@link dev.headwater.kernel.accumulator.TileObjects} knows. The live tiles are those from {@link #first} to before
 * {@link #end}.
 */
public class Tiles {
    /** Slot of the header. A start is a multiple of a second, so its six low bits are free for the level. */
    public static final int HEADER = 0;
    /** Slot of the number of events in the tile. */
    public static final int COUNT = 1;
    /** The first slot that belongs to a cell. */
    public static final int CELLS = 2;

    private static final long LEVEL_MASK = 63;

    public long[] slots;
    public Object[] objects;
    public int first;
    public int end;

    Tiles(int capacity, int stride, int objectStride) {
        slots = new long[capacity * stride];
        objects = objectStride == 0 ? null : new Object[capacity * objectStride];
    }

    Tiles(long[] slots, Object[] objects, int count) {
        this.slots = slots;
        this.objects = objects;
        this.end = count;
    }

    static long header(long startUs, int level) {
        return startUs | level;
    }

    long start(int tile, int stride) {
        return slots[tile * stride] & ~LEVEL_MASK;
    }

    int level(int tile, int stride) {
        return (int) (slots[tile * stride] & LEVEL_MASK);
    }

    public boolean isEmpty() {
        return first == end;
    }

    /** The first live tile that starts at or after the time, or {@code end}. */
    int firstFrom(long timeUs, int stride) {
        int low = first;
        int high = end;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (start(middle, stride) < timeUs) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Opens a gap for one tile before the given one; there must be room. */
    void insert(int tile, int stride, int objectStride) {
        int moved = end - tile;
        if (moved > 0) {
            System.arraycopy(slots, tile * stride, slots, (tile + 1) * stride, moved * stride);
            if (objects != null) {
                System.arraycopy(objects, tile * objectStride, objects, (tile + 1) * objectStride, moved * objectStride);
            }
        }
        end++;
    }

    void move(int from, int to, int stride, int objectStride) {
        System.arraycopy(slots, from * stride, slots, to * stride, stride);
        if (objects != null) {
            System.arraycopy(objects, from * objectStride, objects, to * objectStride, objectStride);
        }
    }

    /** Makes room for so many tiles in all; the live ones must start at 0. */
    void resize(int capacity, int stride, int objectStride) {
        slots = Arrays.copyOf(slots, capacity * stride);
        if (objects != null) {
            objects = Arrays.copyOf(objects, capacity * objectStride);
        }
    }
}
