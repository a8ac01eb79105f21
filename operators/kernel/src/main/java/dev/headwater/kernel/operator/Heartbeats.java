package dev.headwater.kernel.operator;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.LogRecord;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * The heartbeats of one kernel subtask. A heartbeat says: all of the sources up to a wall time, and all ticks up to a
 * watermark, as far as this subtask's keys go, was written to the log before this record.
 *
 * <p>It is taken at one moment and written later, once every row that was held back at that moment is out.
 */
final class Heartbeats {
    private static final int KEY_PREFIX_BYTES = 11;
    private static final int KEY_BYTES = KEY_PREFIX_BYTES + Integer.BYTES;
    private static final int HEADER_BYTES = 32;
    private static final long UNHEARD = Long.MIN_VALUE;

    /** What a heartbeat will say, and the wall time from which it may be written. */
    private record Taken(long asOfMs, long watermarkMs, long writeAtMs) {}

    private final long epochMs;
    private final int subtask;
    private final int parallelism;
    private final int partitions;
    /** By source and source subtask, as of when the source subtask has passed on all; null before the first word. */
    private final long[][] asOfMs;

    private final Deque<Taken> waiting = new ArrayDeque<>();

    /** {@code epochMs}: when this instance of the operator started. */
    Heartbeats(long epochMs, int subtask, int parallelism, int sources, int partitions) {
        this.epochMs = epochMs;
        this.subtask = subtask;
        this.parallelism = parallelism;
        this.partitions = partitions;
        asOfMs = new long[sources][];
    }

    /** Takes in a source subtask's word, which never goes back. */
    void hear(Event heartbeat) {
        long[] heard = asOfMs[heartbeat.source];
        if (heard == null) {
            heard = new long[heartbeat.sourceParallelism];
            Arrays.fill(heard, UNHEARD);
            asOfMs[heartbeat.source] = heard;
        }
        heard[heartbeat.sourceSubtask] = Math.max(heard[heartbeat.sourceSubtask], heartbeat.asOfMs);
    }

    /** Takes a heartbeat to be written from {@code writeAtMs} on; none if a source subtask has not been heard of. */
    boolean take(long watermarkMs, long writeAtMs) {
        long least = asOfMs();
        if (least == UNHEARD) {
            return false;
        }
        waiting.add(new Taken(least, watermarkMs, writeAtMs));
        return true;
    }

    /** Writes the heartbeats whose time has come; the rows held back when they were taken must have been written. */
    void write(long nowMs, Consumer<LogRecord> log) {
        while (!waiting.isEmpty() && waiting.peek().writeAtMs() <= nowMs) {
            write(waiting.poll(), nowMs, log);
        }
    }

    /** Writes all that were taken; every row that was held back must have been written. */
    void writeAll(long nowMs, Consumer<LogRecord> log) {
        while (!waiting.isEmpty()) {
            write(waiting.poll(), nowMs, log);
        }
    }

    private void write(Taken taken, long nowMs, Consumer<LogRecord> log) {
        byte[] key = key();
        byte[] header = header(taken);
        for (int partition = 0; partition < partitions; partition++) {
            log.accept(new LogRecord(key, null, LogRecord.HEARTBEAT_HEADER, header, partition, nowMs));
        }
    }

    private long asOfMs() {
        long least = Long.MAX_VALUE;
        for (long[] heard : asOfMs) {
            if (heard == null) {
                return UNHEARD;
            }
            for (long asOf : heard) {
                least = Math.min(least, asOf);
            }
        }
        return least;
    }

    private byte[] key() {
        byte[] key = new byte[KEY_BYTES];
        Arrays.fill(key, 0, KEY_PREFIX_BYTES, (byte) 0xff);
        ByteBuffer.wrap(key).putInt(KEY_PREFIX_BYTES, subtask);
        return key;
    }

    private byte[] header(Taken taken) {
        return ByteBuffer.allocate(HEADER_BYTES)
                .putLong(epochMs)
                .putInt(subtask)
                .putInt(parallelism)
                .putLong(taken.asOfMs())
                .putLong(taken.watermarkMs())
                .array();
    }
}
