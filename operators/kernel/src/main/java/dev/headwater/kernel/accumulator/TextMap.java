package dev.headwater.kernel.accumulator;

/** Texts, each with a number (a double as raw bits), in the order in which they are written. */
public final class TextMap {
    private final byte[][] keys;
    private final long[] numbers;
    private int size;

    public TextMap(int capacity) {
        keys = new byte[capacity][];
        numbers = new long[capacity];
    }

    public int size() {
        return size;
    }

    /** UTF-8. */
    public byte[] key(int index) {
        return keys[index];
    }

    public long number(int index) {
        return numbers[index];
    }

    void add(byte[] key, long number) {
        keys[size] = key;
        numbers[size++] = number;
    }

    /** The same with each number divided by this, as a double. */
    public TextMap dividedBy(double divisor) {
        TextMap quotients = new TextMap(size);
        for (int i = 0; i < size; i++) {
            quotients.add(keys[i], Double.doubleToRawLongBits(numbers[i] / divisor));
        }
        return quotients;
    }
}
