package dev.headwater.kernel.harness;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Events for tests, of plans made by {@link PlanBuilder}. Values: Long, Double, Boolean, String,
 * byte[], double[] or null, by column. */
public final class Events {
    private static long offsets;

    private Events() {}

    /** The canonical key of the user. */
    public static Key key(String user) {
        byte[] text = user.getBytes(StandardCharsets.UTF_8);
        byte[] bytes = new byte[text.length + 1];
        bytes[0] = (byte) (text.length << 1);
        System.arraycopy(text, 0, bytes, 1, text.length);
        return new Key(bytes);
    }

    /** An event at the next offset of partition 0, its Kafka timestamp that of its event time. */
    public static Event at(double seconds, String user, Object... values) {
        return positioned(seconds, user, 0, 0, offsets++, values);
    }

    public static Event positioned(double seconds, String user, int source, int partition, long offset, Object... values) {
        Event event = new Event(values.length);
        event.key = key(user);
        event.eventTimeUs = Math.round(seconds * 1e6);
        event.ingestedAtMs = event.eventTimeUs / 1000;
        event.source = source;
        event.partition = partition;
        event.offset = offset;
        for (int column = 0; column < values.length; column++) {
            Object value = values[column];
            if (value instanceof Long number) {
                event.setNumber(column, number);
            } else if (value instanceof Double decimal) {
                event.setDecimal(column, decimal);
            } else if (value instanceof Boolean truth) {
                event.setBoolean(column, truth);
            } else if (value instanceof String text) {
                event.setBlob(column, text.getBytes(StandardCharsets.UTF_8));
            } else if (value instanceof byte[] bytes) {
                event.setBlob(column, bytes);
            } else if (value instanceof double[] vector) {
                ByteBuffer bytes = ByteBuffer.allocate(vector.length * Double.BYTES);
                bytes.asDoubleBuffer().put(vector);
                event.setBlob(column, bytes.array());
            } else if (value != null) {
                throw new IllegalArgumentException("no column holds " + value);
            }
        }
        return event;
    }
}
