package dev.headwater.kernel.accumulator;

import dev.headwater.kernel.event.Event;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;

/**
 * Which events of a tile have been seen: of each 64 bits of a hash of its source, id, time and place in an exploded array,
 * and 32 of one of its values: 12 bytes an event where it is written down, 14 to 18 in memory, in an open-addressed
 * table. Two different events of a key and a tile are taken for copies with a probability of one in 2^64 for each pair.
 */
public final class EventIds implements Accumulator {
    /** What came of asking for an event. */
    public enum Found {
        /** It was not there, and now is. */
        NEW,
        /** It was there. */
        COPY,
        /** It was there, but with other values: its producer has used an id twice. */
        CONFLICTING_COPY
    }

    /** Up to this capacity a table may be full: it is searched from one end to the other. */
    private static final int SMALL = 8;
    /** Stands for an empty place. An event whose hash it is has another. */
    private static final long NONE = 0;

    private long[] ids;
    private int[] values;
    private int size;

    public EventIds() {
        this(1);
    }

    private EventIds(int capacity) {
        ids = new long[capacity];
        values = new int[capacity];
    }

    public int size() {
        return size;
    }

    /** Adds the event unless it is there. */
    public Found add(Event event) {
        return add(idOf(event), valuesOf(event));
    }

    /** Adds all that another tile has seen. */
    public void addAll(EventIds other) {
        for (int place = 0; place < other.ids.length; place++) {
            if (other.ids[place] != NONE) {
                add(other.ids[place], other.values[place]);
            }
        }
    }

    @Override
    public byte tag() {
        return TileObjects.EVENT_IDS;
    }

    @Override
    public EventIds copy() {
        EventIds copy = new EventIds(0);
        copy.ids = ids.clone();
        copy.values = values.clone();
        copy.size = size;
        return copy;
    }

    /** The number of events, and of each its two hashes. */
    @Override
    public void write(DataOutput target) throws IOException {
        target.writeInt(size);
        for (int place = 0; place < ids.length; place++) {
            if (ids[place] != NONE) {
                target.writeLong(ids[place]);
                target.writeInt(values[place]);
            }
        }
    }

    static EventIds read(DataInput source) throws IOException {
        int size = source.readInt();
        EventIds ids = new EventIds(capacityFor(size));
        for (int i = 0; i < size; i++) {
            ids.add(source.readLong(), source.readInt());
        }
        return ids;
    }

    private Found add(long id, int value) {
        int place = placeOf(id);
        if (place < ids.length && ids[place] == id) {
            return values[place] == value ? Found.COPY : Found.CONFLICTING_COPY;
        }
        if (size == fullAt(ids.length)) {
            grow();
            place = placeOf(id);
        }
        ids[place] = id;
        values[place] = value;
        size++;
        return Found.NEW;
    }

    /** Where the id stands, or the empty place where it belongs; past the end if there is neither. */
    private int placeOf(long id) {
        int capacity = ids.length;
        int place = capacity <= SMALL ? 0 : (int) ((id >>> 32) * capacity >>> 32);
        for (int tried = 0; tried < capacity; tried++) {
            if (ids[place] == NONE || ids[place] == id) {
                return place;
            }
            place = place + 1 == capacity ? 0 : place + 1;
        }
        return capacity;
    }

    private void grow() {
        EventIds larger = new EventIds(next(ids.length));
        larger.addAll(this);
        ids = larger.ids;
        values = larger.values;
    }

    private static int next(int capacity) {
        return capacity + Math.max(1, capacity / 4);
    }

    private static int fullAt(int capacity) {
        return capacity <= SMALL ? capacity : capacity - capacity / 7;
    }

    private static int capacityFor(int size) {
        int capacity = 1;
        while (size > fullAt(capacity)) {
            capacity = next(capacity);
        }
        return capacity;
    }

    private static long idOf(Event event) {
        long hash = mixed(mixed(mixed(event.eventTimeUs) + event.source) + event.index);
        for (byte b : event.id) {
            hash = mixed(hash ^ b & 0xff);
        }
        hash = mixed(hash + event.id.length);
        return hash == NONE ? 1 : hash;
    }

    private static int valuesOf(Event event) {
        long hash = 0;
        for (int column = 0; column < event.columns(); column++) {
            long value = event.isNull(column) ? -1 : event.isBlob(column) ? Arrays.hashCode(event.blob(column)) : event.number(column);
            hash = mixed(hash + value) + column;
        }
        return (int) (hash >>> 32);
    }

    /** The finaliser of SplitMix64: every bit of the result depends on every bit given. */
    private static long mixed(long bits) {
        long mixed = (bits ^ bits >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }
}
