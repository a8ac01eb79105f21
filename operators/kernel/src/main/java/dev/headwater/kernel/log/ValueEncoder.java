package dev.headwater.kernel.log;

import dev.headwater.kernel.accumulator.TextMap;
import dev.headwater.kernel.aggregate.Values;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.ValueType;

/** Writes one feature's value, which is not null. Arrays and maps are one Avro block, never an empty one. */
final class ValueEncoder {
    private static final int NO_MORE_BLOCKS = 0;

    private ValueEncoder() {}

    static void write(Values values, int feature, ValueType type, AvroBuffer buffer) {
        ColumnType item = type.item();
        switch (type.shape()) {
            case SCALAR -> {
                if (item.isBlob()) {
                    buffer.writeBytes(values.blob(feature));
                } else {
                    writeNumber(values.number(feature), item, buffer);
                }
            }
            case ARRAY -> {
                if (item.isBlob()) {
                    writeBlobs(values.blobs(feature), buffer);
                } else {
                    writeNumbers(values.numbers(feature), item, buffer);
                }
            }
            case MAP -> writeMap(values.map(feature), item, buffer);
        }
    }

    private static void writeBlobs(byte[][] blobs, AvroBuffer buffer) {
        buffer.writeLong(blobs.length);
        for (byte[] blob : blobs) {
            buffer.writeBytes(blob);
        }
        buffer.writeLong(NO_MORE_BLOCKS);
    }

    private static void writeNumbers(long[] numbers, ColumnType item, AvroBuffer buffer) {
        buffer.writeLong(numbers.length);
        for (long number : numbers) {
            writeNumber(number, item, buffer);
        }
        buffer.writeLong(NO_MORE_BLOCKS);
    }

    private static void writeMap(TextMap map, ColumnType item, AvroBuffer buffer) {
        buffer.writeLong(map.size());
        for (int i = 0; i < map.size(); i++) {
            buffer.writeBytes(map.key(i));
            writeNumber(map.number(i), item, buffer);
        }
        buffer.writeLong(NO_MORE_BLOCKS);
    }

    private static void writeNumber(long number, ColumnType item, AvroBuffer buffer) {
        switch (item) {
            case LONG -> buffer.writeLong(number);
            case DOUBLE -> buffer.writeDouble(number);
            case BOOLEAN -> buffer.writeFixed((byte) number);
            default -> throw new IllegalArgumentException("a " + item + " is no number");
        }
    }
}
