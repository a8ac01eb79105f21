package dev.headwater.kernel.decode;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Up to which wall time a source subtask has passed on everything that stands in its partitions, as far as it can tell
 * from what it passed on and from what its Kafka client heard. Asked once per heartbeat interval; the answer covers the
 * interval since it was asked last.
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
    /** The newest record that each partition passed on since the start. */
    private final Map<Integer, Long> reachedMsByPartition = new HashMap<>();
    private Fetches heard = Fetches.NONE;
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
     * The least over the partitions that were read, or were behind when they were read last, or have more to read, of the
     * newest Kafka timestamp; now, if there was nothing to read for about a second; {@link #UNKNOWN} if that cannot be
     * told because nothing more could be passed on, or too early, or brokers do not answer, or did not yet for a partition.
     */
    long asOf(long nowMs, boolean downstreamIsFull, Fetches fetches) {
        long leastMs = Long.MAX_VALUE;
        for (Map.Entry<Integer, long[]> read : newestMsByPartition.entrySet()) {
            long newestMs = read.getValue()[0];
            leastMs = Math.min(leastMs, newestMs);
            reachedMsByPartition.merge(read.getKey(), newestMs, Math::max);
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
        for (int partition : mayHaveMore(fetches)) {
            leastMs = Math.min(leastMs, reachedMsByPartition.getOrDefault(partition, UNKNOWN));
        }
        boolean isAssigned = fetches.clients() == 0 || !fetches.assigned().isEmpty();
        boolean answered = fetches.clients() == 0 || fetches.responses() > heard.responses();
        boolean longEnough = nowMs - askedAtMs >= SILENCE_MS;
        passedAny |= !newestMsByPartition.isEmpty();
        newestMsByPartition.clear();
        lastPartition = -1;
        askedAtMs = nowMs;
        heard = fetches;
        if (leastMs != Long.MAX_VALUE) {
            return Math.min(leastMs, nowMs);
        }
        boolean settled = isAssigned && (passedAny || nowMs - startedAtMs >= SILENT_START_MS);
        return settled && answered && longEnough && !downstreamIsFull ? nowMs - FETCH_ALLOWANCE_MS : UNKNOWN;
    }

    /**
     * Partitions of which nothing was passed on since the last time, but not for want of records, as far as is known. One
     * that has just been read to its end counts as such from the next time on: its records may still be on their way here.
     */
    private Set<Integer> mayHaveMore(Fetches fetches) {
        Set<Integer> found = new HashSet<>(fetches.assigned());
        found.removeAll(newestMsByPartition.keySet());
        found.removeIf(partition -> fetches.ended().contains(partition) && heard.ended().contains(partition));
        return found;
    }
}
