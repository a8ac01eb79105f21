package dev.headwater.kernel.accumulator;

import dev.headwater.kernel.event.Event;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;

/**
 * Where an event stands among the events of its key: by event time, then by its id as unsigned bytes, none being the
 * least, then by source, then by partition and offset unless it has an id, then by its place in the exploded array.
 */
public record EventOrder(long timeUs, byte[] id, int source, int partition, long offset, int index)
        implements Comparable<EventOrder> {
    private static final byte[] NO_ID = {};

    public static EventOrder of(Event event) {
        byte[] id = event.id == null ? NO_ID : event.id;
        return new EventOrder(event.eventTimeUs, id, event.source, event.partition, event.offset, event.index);
    }

    @Override
    public int compareTo(EventOrder other) {
        int order = Long.compare(timeUs, other.timeUs);
        if (order == 0) {
            order = Arrays.compareUnsigned(id, other.id);
        }
        if (order == 0) {
            order = Integer.compare(source, other.source);
        }
        // Copies of an event stand in different partitions, so with an id its place says nothing.
        if (order == 0 && id.length > 0) {
            return Integer.compare(index, other.index);
        }
        if (order == 0) {
            order = Integer.compare(partition, other.partition);
        }
        if (order == 0) {
            order = Long.compare(offset, other.offset);
        }
        return order == 0 ? Integer.compare(index, other.index) : order;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EventOrder order && compareTo(order) == 0;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(timeUs) * 31 + Arrays.hashCode(id) + source;
    }

    void write(DataOutput out) throws IOException {
        out.writeLong(timeUs);
        TileObjects.writeBytes(id, out);
        out.writeInt(source);
        out.writeInt(partition);
        out.writeLong(offset);
        out.writeInt(index);
    }

    static EventOrder read(DataInput in) throws IOException {
        long timeUs = in.readLong();
        byte[] id = TileObjects.readBytes(in);
        return new EventOrder(timeUs, id.length == 0 ? NO_ID : id, in.readInt(), in.readInt(), in.readLong(), in.readInt());
    }
}
