package dev.headwater.kernel.event;

/** The hash by which Kafka's Java client chooses partitions, bit for bit. */
public final class Murmur2 {
    private static final int SEED = 0x9747b28c;
    private static final int MULTIPLIER = 0x5bd1e995;
    private static final int ROTATION = 24;

    private Murmur2() {}

    /** Returns the hash that {@code org.apache.kafka.common.utils.Utils.murmur2} returns. */
    public static int hash(byte[] data) {
        int length = data.length;
        int h = SEED ^ length;
        int words = length >> 2;
        for (int i = 0; i < words; i++) {
            int at = i << 2;
            int k = (data[at] & 0xff)
                    | (data[at + 1] & 0xff) << 8
                    | (data[at + 2] & 0xff) << 16
                    | (data[at + 3] & 0xff) << 24;
            k *= MULTIPLIER;
            k ^= k >>> ROTATION;
            k *= MULTIPLIER;
            h *= MULTIPLIER;
            h ^= k;
        }
        int tail = words << 2;
        int rest = length - tail;
        if (rest > 2) {
            h ^= (data[tail + 2] & 0xff) << 16;
        }
        if (rest > 1) {
            h ^= (data[tail + 1] & 0xff) << 8;
        }
        if (rest > 0) {
            h ^= data[tail] & 0xff;
            h *= MULTIPLIER;
        }
        h ^= h >>> 13;
        h *= MULTIPLIER;
        h ^= h >>> 15;
        return h;
    }
}
