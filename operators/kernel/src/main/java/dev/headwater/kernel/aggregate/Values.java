package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.TextMap;

/**
 * The values of a row by feature: null, or a number (doubles as raw bits, booleans as 0 or 1), or a blob, or an array of
 * either, or a map.
 */
public final class Values {
    /** The key's clock, to which decayed values decay. */
    public long clockUs;

    private final boolean[] nulls;
    private final long[] numbers;
    private final Object[] objects;

    public Values(int features) {
        nulls = new boolean[features];
        numbers = new long[features];
        objects = new Object[features];
    }

    public boolean isNull(int feature) {
        return nulls[feature];
    }

    public long number(int feature) {
        return numbers[feature];
    }

    public byte[] blob(int feature) {
        return (byte[]) objects[feature];
    }

    public long[] numbers(int feature) {
        return (long[]) objects[feature];
    }

    public byte[][] blobs(int feature) {
        return (byte[][]) objects[feature];
    }

    public TextMap map(int feature) {
        return (TextMap) objects[feature];
    }

    /** Gives one feature the value of another. */
    public void copy(int from, int to) {
        nulls[to] = nulls[from];
        numbers[to] = numbers[from];
        objects[to] = objects[from];
    }

    void setNull(int feature) {
        nulls[feature] = true;
    }

    void setNumber(int feature, long value) {
        nulls[feature] = false;
        numbers[feature] = value;
    }

    void setDecimal(int feature, double value) {
        setNumber(feature, Double.doubleToRawLongBits(value));
    }

    void setBlob(int feature, byte[] value) {
        setObject(feature, value);
    }

    void setNumbers(int feature, long[] value) {
        setObject(feature, value);
    }

    void setBlobs(int feature, byte[][] value) {
        setObject(feature, value);
    }

    void setMap(int feature, TextMap value) {
        setObject(feature, value);
    }

    private void setObject(int feature, Object value) {
        nulls[feature] = false;
        objects[feature] = value;
    }
}
