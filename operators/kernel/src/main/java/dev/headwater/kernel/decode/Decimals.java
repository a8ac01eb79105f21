package dev.headwater.kernel.decode;

import dev.headwater.kernel.decode.FieldProgram.Step;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;

/** Avro decimals, read as the nearest double. */
final class Decimals {
    /** More than 150 digits: reading a longer one would take long, and nobody means it. */
    private static final int MAX_BYTES = 64;

    private Decimals() {}

    static boolean isDecimal(Schema schema) {
        return schema.getLogicalType() instanceof LogicalTypes.Decimal;
    }

    static int scale(Schema schema) {
        return ((LogicalTypes.Decimal) schema.getLogicalType()).getScale();
    }

    /** Reads a decimal of this writer, which is bytes or fixed. */
    static Step step(Schema writer, int scale, int slot) {
        boolean fixed = writer.getType() == Schema.Type.FIXED;
        int size = fixed ? writer.getFixedSize() : 0;
        return (in, out) -> {
            int length = fixed ? size : in.readLength();
            int start = in.position;
            in.skip(length);
            out.setDouble(slot, value(in.bytes, start, length, scale));
        };
    }

    static double value(byte[] bytes, int from, int length, int scale) throws RejectedException {
        if (length == 0 || length > MAX_BYTES) {
            throw Cursor.malformed("a decimal of " + length + " bytes, 1 to " + MAX_BYTES + " are read");
        }
        return new BigDecimal(new BigInteger(bytes, from, length), scale).doubleValue();
    }
}
