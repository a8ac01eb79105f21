package dev.headwater.kernel.accumulator;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/**
 * What a tile keeps beside its longs: nothing, bytes that never change, or an {@link Accumulator}. In a written state
 * each starts with a tag that says what it is and in which format, so that a state can be read by whoever does not have
 * the plan. A tag, once used, keeps its meaning; a new format gets a new one.
 */
public final class TileObjects {
    private static final byte NOTHING = 0;
    private static final byte BYTES = 1;
    static final byte EVENT_LIST = 2;
    static final byte VECTOR_SUM = 3;
    static final byte DISTINCT_VALUES = 4;
    static final byte HLL = 5;
    static final byte QUANTILES = 6;
    static final byte FREQUENCIES = 7;
    static final byte CATEGORIES = 8;
    static final byte EVENT_IDS = 9;

    private TileObjects() {}

    public static Object copy(Object object) {
        return object instanceof Accumulator accumulator ? accumulator.copy() : object;
    }

    public static void write(Object object, DataOutput out) throws IOException {
        if (object == null) {
            out.writeByte(NOTHING);
        } else if (object instanceof Accumulator accumulator) {
            out.writeByte(accumulator.tag());
            accumulator.write(out);
        } else {
            out.writeByte(BYTES);
            writeBytes((byte[]) object, out);
        }
    }

    public static Object read(DataInput in) throws IOException {
        byte tag = in.readByte();
        return switch (tag) {
            case NOTHING -> null;
            case BYTES -> readBytes(in);
            case EVENT_LIST -> EventList.read(in);
            case VECTOR_SUM -> VectorSum.read(in);
            case DISTINCT_VALUES -> DistinctValues.read(in);
            case HLL -> Hll.read(in);
            case QUANTILES -> Quantiles.read(in);
            case FREQUENCIES -> Frequencies.read(in);
            case CATEGORIES -> Categories.read(in);
            case EVENT_IDS -> EventIds.read(in);
            default -> throw new IOException("a tile of a later kernel: it holds an object of kind " + tag);
        };
    }

    static void writeBytes(byte[] bytes, DataOutput out) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    static byte[] readBytes(DataInput in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }
}
