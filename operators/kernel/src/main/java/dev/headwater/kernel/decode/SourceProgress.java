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

    private final long startedAtMs;
    private final Map<Integer, long[]> newestMsByPartition = new HashMap<>();
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
     * The least over the partitions that were read of the newest Kafka timestamp; now, if there was nothing to read for
     * about a second; {@link #UNKNOWN} if that cannot be told because nothing more could be passed on, or too early.
     */
    long asOf(long nowMs, boolean downstreamIsFull) {
        long leastMs = Long.MAX_VALUE;
        for (long[] newestMs : newestMsByPartition.values()) {
            leastMs = Math.min(leastMs, newestMs[0]);
        }
        boolean silent = newestMsByPartition.isEmpty();
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
