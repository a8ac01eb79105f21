package dev.headwater.kernel.decode;

import dev.headwater.kernel.decode.FieldProgram.Step;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.avro.Schema;

/** Avro arrays of numbers, read as vectors: doubles of eight bytes each, big-endian. */
final class Vectors {
    private static final int MAX_BYTES = EventExtractor.MAX_BLOB_BYTES;

    private Vectors() {}

    /** Reads an array by the step that puts one element of the reader's type into the slot. */
    static Step step(Step element, Schema elementType, int slot) {
        boolean whole = elementType.getType() == Schema.Type.INT || elementType.getType() == Schema.Type.LONG;
        return (in, out) -> {
            byte[] bytes = new byte[Math.min(256, MAX_BYTES)];
            int length = 0;
            for (long items = in.nextBlock(); items > 0; items = in.nextBlock()) {
                for (long i = 0; i < items; i++) {
                    if (length == MAX_BYTES) {
                        throw Cursor.malformed("a vector of more than " + MAX_BYTES / Double.BYTES + " numbers");
                    }
                    out.setNull(slot);
                    element.run(in, out);
                    if (!out.present[slot]) {
                        throw Cursor.malformed("a vector with a null in it");
                    }
                    if (length == bytes.length) {
                        bytes = Arrays.copyOf(bytes, 2 * length);
                    }
                    long bits = whole ? Double.doubleToRawLongBits(out.longs[slot]) : out.longs[slot];
                    ByteBuffer.wrap(bytes).putLong(length, bits);
                    length += Double.BYTES;
                }
            }
            out.setBlob(slot, bytes, 0, length);
        };
    }

    /** Whether all numbers of the vector are finite. */
    static boolean isFinite(byte[] bytes, int from, int length) {
        ByteBuffer numbers = ByteBuffer.wrap(bytes, from, length);
        while (numbers.hasRemaining()) {
            if (!Double.isFinite(numbers.getDouble())) {
                return false;
            }
        }
        return true;
    }
}
