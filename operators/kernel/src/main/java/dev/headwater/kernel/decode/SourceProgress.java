package dev.headwater.kernel.decode;

import java.util.HashMap;
import java.util.Map;

/**
 * Up to which wall time a source subtask has passed on everything that stands in its partitions, as far as it can tell
 * from what it passed on. Asked once per heartbeat interval; the answer covers the interval since it was asked last.
 */
final class SourceProgress {
    static final long UNKNOWN = Long.MIN_VALUE;

    /** A record written this lately may still be on its way from the broker. */
    private static final long FETCH_ALLOWANCE_MS = 100;
    /** So long after the start silence means nothing: the first fetch may still be under way. */
    private static final long SILENT_START_MS = 5_000;
    private static final long SILENCE_MS = 900;
    /** A partition whose newest record was older than this when it was passed on has more to come. */
    private static final long BEHIND_MS = 2_000;
    /** For so long a partition that was behind may be silent before it counts as read to its end. */
    private static final long BEHIND_PATIENCE_MS = 10_000;

    /** The newest record of a partition that was behind, and when the partition was last read. */
    private record Behind(long newestMs, long readAtMs) {}

    private final long startedAtMs;
    private final Map<Integer, long[]> newestMsByPartition = new HashMap<>();
    private final Map<Integer, Behind> behindByPartition = new HashMap<>();
    private int lastPartition = -1;
    private long[] lastNewestMs;
    private boolean passedAny;
    private long askedAtMs;

    SourceProgress(long nowMs) {
        startedAtMs = nowMs;
        askedAtMs = nowMs;
    }

    void passed(int partition, long kafkaTimestampMs) {
        if (partition != lastPartition) {
            lastPartition = partition;
            lastNewestMs = newestMsByPartition.computeIfAbsent(partition, key -> new long[] {UNKNOWN});
        }
        if (kafkaTimestampMs > lastNewestMs[0]) {
            lastNewestMs[0] = kafkaTimestampMs;
        }
    }

    /**
     * The least over the partitions that were read, or were behind when they were read last, of the newest Kafka
     * timestamp; now, if there was nothing to read for about a second; {@link #UNKNOWN} if that cannot be told because
     * nothing more could be passed on, or too early.
     */
    long asOf(long nowMs, boolean downstreamIsFull) {
        long leastMs = Long.MAX_VALUE;
        for (Map.Entry<Integer, long[]> read : newestMsByPartition.entrySet()) {
            long newestMs = read.getValue()[0];
            leastMs = Math.min(leastMs, newestMs);
            if (nowMs - newestMs > BEHIND_MS) {
                behindByPartition.put(read.getKey(), new Behind(newestMs, nowMs));
            } else {
                behindByPartition.remove(read.getKey());
            }
        }
        behindByPartition.values().removeIf(behind -> nowMs - behind.readAtMs() > BEHIND_PATIENCE_MS);
        for (Behind behind : behindByPartition.values()) {
            leastMs = Math.min(leastMs, behind.newestMs());
        }
        boolean silent = newestMsByPartition.isEmpty() && behindByPartition.isEmpty();
        boolean longEnough = nowMs - askedAtMs >= SILENCE_MS;
        passedAny |= !silent;
        newestMsByPartition.clear();
        lastPartition = -1;
        askedAtMs = nowMs;
        if (!silent) {
            return Math.min(leastMs, nowMs);
        }
        boolean settled = passedAny || nowMs - startedAtMs >= SILENT_START_MS;
        return settled && longEnough && !downstreamIsFull ? nowMs - FETCH_ALLOWANCE_MS : UNKNOWN;
    }
}
