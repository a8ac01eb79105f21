package dev.headwater.kernel.harness;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LateEvent;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.operator.FeatureOperator;
import dev.headwater.kernel.plan.Plan;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.event.WatermarkEvent;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.LatencyMarker;
import org.apache.flink.streaming.runtime.streamrecord.RecordAttributes;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.apache.flink.util.OutputTag;

/** The real operator in Flink's operator test harness, with watermarks, wall time, checkpoints and crashes by hand. */
public final class KernelDriver implements AutoCloseable {
    /** Where the operator keeps its state. */
    public enum Backend {
        HASHMAP,
        ROCKSDB;

        private StateBackend create() {
            return this == HASHMAP ? new HashMapStateBackend() : new EmbeddedRocksDBStateBackend();
        }
    }

    public static final int LOG_SCHEMA_ID = 7;
    static final int MAX_PARALLELISM = 128;

    private final Backend backend;
    private final int subtask;
    private final int parallelism;
    private final List<LogRecord> records = new ArrayList<>();
    private final List<LateEvent> late = new ArrayList<>();
    private Plan plan;
    private KeyedOneInputStreamOperatorTestHarness<Key, Event, LogRecord> harness;
    private OperatorSubtaskState checkpoint;
    private long checkpoints;
    private long processingTimeMs;
    /** Flink's harness finishes the operator when it is closed, which no crash does. */
    private boolean running;
    private boolean discards;
    private long discarded;

    public KernelDriver(Plan plan) throws Exception {
        this(plan, Backend.HASHMAP, 0, 1, null);
    }

    public KernelDriver(Plan plan, Backend backend) throws Exception {
        this(plan, backend, 0, 1, null);
    }

    /** One subtask of several; {@code restored} may be null. */
    public KernelDriver(Plan plan, Backend backend, int subtask, int parallelism, OperatorSubtaskState restored)
            throws Exception {
        this(plan, backend, subtask, parallelism, restored, 0);
    }

    /** One subtask of several that starts at this wall time; {@code restored} may be null. */
    KernelDriver(
            Plan plan, Backend backend, int subtask, int parallelism, OperatorSubtaskState restored, long processingTimeMs)
            throws Exception {
        this.plan = plan;
        this.backend = backend;
        this.subtask = subtask;
        this.parallelism = parallelism;
        this.processingTimeMs = processingTimeMs;
        start(restored);
    }

    public void event(Event event) throws Exception {
        harness.processElement(new StreamRecord<>(event));
    }

    public void watermark(long ms) throws Exception {
        harness.processWatermark(ms);
    }

    public void processingTime(long ms) throws Exception {
        processingTimeMs = ms;
        harness.setProcessingTime(ms);
    }

    /** Takes a checkpoint as a task would, barrier included, and keeps it for {@link #restore}. */
    public OperatorSubtaskState checkpoint() throws Exception {
        harness.prepareSnapshotPreBarrier(checkpoints);
        checkpoint = harness.snapshot(checkpoints++, processingTimeMs);
        return checkpoint;
    }

    /** What the operator does before a checkpoint, without the checkpoint. */
    public void barrier() throws Exception {
        harness.prepareSnapshotPreBarrier(checkpoints++);
    }

    /** Crashes, and starts again from the last checkpoint, or from nothing if there was none. */
    public void restore() throws Exception {
        close();
        start(checkpoint);
    }

    /** Like {@link #restore}, with another plan. */
    public void restoreWith(Plan other) throws Exception {
        plan = other;
        restore();
    }

    public void finish() throws Exception {
        ((FeatureOperator) harness.getOperator()).finish();
    }

    /** How many keys have state. */
    public long keys() {
        return harness.getOperator().getKeyedStateBackend().getKeys("key", VoidNamespace.INSTANCE).count();
    }

    /** How many event-time timers are registered. */
    public int timers() {
        return harness.numEventTimeTimers();
    }

    /** All that has been written to the log since the last call, heartbeats included. */
    public List<LogRecord> takeRecords() {
        List<LogRecord> taken = List.copyOf(records);
        records.clear();
        return taken;
    }

    /** From now on records are counted and thrown away. */
    public void discardRecords() {
        discards = true;
    }

    /** How many records have been thrown away. */
    public long discarded() {
        return discarded;
    }

    /** The late events since the last call. */
    public List<LateEvent> takeLate() {
        List<LateEvent> taken = List.copyOf(late);
        late.clear();
        return taken;
    }

    /** Ends as a crash does: what the operator would still write is lost. */
    @Override
    public void close() throws Exception {
        if (running) {
            running = false;
            harness.close();
        }
    }

    private void start(OperatorSubtaskState restored) throws Exception {
        harness = new KeyedOneInputStreamOperatorTestHarness<>(
                new FeatureOperator(plan, LOG_SCHEMA_ID),
                event -> event.key,
                Key.TYPE,
                MAX_PARALLELISM,
                parallelism,
                subtask);
        harness.setStateBackend(backend.create());
        harness.setOutputCreator(serializer -> new Collected());
        harness.setup(LogRecord.TYPE.createSerializer(harness.getExecutionConfig().getSerializerConfig()));
        harness.setProcessingTime(processingTimeMs);
        if (restored != null) {
            harness.initializeState(restored);
        }
        harness.open();
        running = true;
    }

    private final class Collected implements Output<StreamRecord<LogRecord>> {
        @Override
        public void collect(StreamRecord<LogRecord> record) {
            if (discards) {
                discarded++;
            } else if (running) {
                records.add(record.getValue());
            }
        }

        @Override
        public <X> void collect(OutputTag<X> tag, StreamRecord<X> record) {
            if (!tag.equals(FeatureOperator.LATE)) {
                throw new IllegalStateException("an output that nobody reads: " + tag);
            }
            late.add((LateEvent) record.getValue());
        }

        @Override
        public void emitWatermark(Watermark mark) {}

        @Override
        public void emitWatermark(WatermarkEvent watermark) {}

        @Override
        public void emitWatermarkStatus(WatermarkStatus status) {}

        @Override
        public void emitLatencyMarker(LatencyMarker marker) {}

        @Override
        public void emitRecordAttributes(RecordAttributes attributes) {}

        @Override
        public void close() {}
    }
}
