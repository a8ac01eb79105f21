package dev.headwater.kernel.decode;

import java.util.Set;

/**
 * What the Kafka client of a source subtask has heard from brokers.
 *
 * @param clients how many there are: none before partitions are assigned to the subtask, and none if it has no partition
 * @param responses answers to fetches so far; an idle client gets one at least every half second
 * @param assigned partitions that are to be read
 * @param ended those of them of which the newest answer, if there was one, left nothing to read
 */
record Fetches(int clients, long responses, Set<Integer> assigned, Set<Integer> ended) {
    static final Fetches NONE = new Fetches(0, 0, Set.of(), Set.of());
}
