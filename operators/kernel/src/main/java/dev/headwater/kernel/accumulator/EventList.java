package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;

/** The values of a bounded number of events, in the events' order. */
public final class EventList implements Accumulator {

    /** Which events are kept where there are more than may be. */
    public enum Keep {
        FIRST,
        LAST,
        /** The last, but of events with one value only the last one. */
        LAST_DISTINCT
    }

    /** An event and its value, a number or a blob; immutable. Doubles are raw bits. */
    public record Entry(EventOrder order, long number, byte[] blob) {
        boolean sameValue(Entry other) {
            return blob == null ? number == other.number : Arrays.equals(blob, other.blob);
        }
    }

    private Entry[] entries;
    private int size;

    public EventList() {
        this(new Entry[1], 0);
    }

    private EventList(Entry[] entries, int size) {
        this.entries = entries;
        this.size = size;
    }

    public int size() {
        return size;
    }

    public Entry entry(int index) {
        return entries[index];
    }

    public void add(Entry entry, Keep keep, int limit) {
        boolean full = size == limit;
        if (full && keep == Keep.FIRST && entry.order.compareTo(entries[size - 1].order) > 0) {
            return;
        }
        if (full && keep != Keep.FIRST && entry.order.compareTo(entries[0].order) < 0) {
            return;
        }
        if (keep == Keep.LAST_DISTINCT) {
            int same = indexOfValue(entry);
            if (same >= 0) {
                if (entry.order.compareTo(entries[same].order) <= 0) {
                    return;
                }
                remove(same);
            }
        }
        insert(entry);
        if (size > limit) {
            remove(keep == Keep.FIRST ? size - 1 : 0);
        }
    }

    public void merge(EventList other, Keep keep, int limit) {
        for (int i = 0; i < other.size; i++) {
            add(other.entries[i], keep, limit);
        }
    }

    private int indexOfValue(Entry entry) {
        for (int i = size - 1; i >= 0; i--) {
            if (entries[i].sameValue(entry)) {
                return i;
            }
        }
        return -1;
    }

    private void insert(Entry entry) {
        if (size == entries.length) {
            entries = Arrays.copyOf(entries, size * 2);
        }
        int at = size;
        while (at > 0 && entries[at - 1].order.compareTo(entry.order) > 0) {
            entries[at] = entries[at - 1];
            at--;
        }
        entries[at] = entry;
        size++;
    }

    private void remove(int index) {
        System.arraycopy(entries, index + 1, entries, index, size - index - 1);
        entries[--size] = null;
    }

    @Override
    public byte tag() {
        return TileObjects.EVENT_LIST;
    }

    @Override
    public EventList copy() {
        return new EventList(Arrays.copyOf(entries, Math.max(1, size)), size);
    }

    @Override
    public void write(DataOutput out) throws IOException {
        out.writeInt(size);
        for (int i = 0; i < size; i++) {
            Entry entry = entries[i];
            entry.order.write(out);
            out.writeBoolean(entry.blob != null);
            if (entry.blob == null) {
                out.writeLong(entry.number);
            } else {
                TileObjects.writeBytes(entry.blob, out);
            }
        }
    }

    static EventList read(DataInput in) throws IOException {
        int size = in.readInt();
        Entry[] entries = new Entry[Math.max(1, size)];
        for (int i = 0; i < size; i++) {
            EventOrder order = EventOrder.read(in);
            boolean blob = in.readBoolean();
            entries[i] = blob
                    ? new Entry(order, 0, TileObjects.readBytes(in))
                    : new Entry(order, in.readLong(), null);
        }
        return new EventList(entries, size);
    }
}
