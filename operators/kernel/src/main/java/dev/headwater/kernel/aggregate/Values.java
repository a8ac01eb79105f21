package dev.headwater.kernel.aggregate;

/** The values of a row by feature: null, or a number (doubles as raw bits, booleans as 0 or 1), or a blob. */
public final class Values {
    private final boolean[] nulls;
    private final long[] numbers;
    private final byte[][] blobs;

    public Values(int features) {
        nulls = new boolean[features];
        numbers = new long[features];
        blobs = new byte[features][];
    }

    public boolean isNull(int feature) {
        return nulls[feature];
    }

    public long number(int feature) {
        return numbers[feature];
    }

    public byte[] blob(int feature) {
        return blobs[feature];
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
        nulls[feature] = false;
        blobs[feature] = value;
    }
}
