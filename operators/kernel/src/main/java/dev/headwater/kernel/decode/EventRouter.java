package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.Plan;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.io.network.api.writer.ResultPartitionWriter;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;

/**
 * Stands behind a source, in its task: passes events on, puts rejected ones aside and counts them, and tells every
 * subtask of the kernel once per heartbeat interval up to which wall time it has passed everything on. While its thread
 * is blocked (by a registry that is away, by a full downstream) it says nothing, and that is the message.
 */
public final class EventRouter extends AbstractStreamOperator<Event> implements OneInputStreamOperator<Decoded, Event> {
    public static final OutputTag<DeadLetter> REJECTED = new OutputTag<>("rejected", DeadLetter.TYPE);

    private static final long serialVersionUID = 1L;
    private static final long NOTHING = Long.MIN_VALUE;

    private final Plan plan;
    private final int sourceIndex;
    private final int kernelParallelism;
    private final int maxParallelism;
    private final String clientIdPrefix;

    private transient StreamRecord<Event> record;
    private transient Map<Reason, Counter> rejects;
    private transient Key[] keyToSubtask;
    private transient SourceProgress progress;
    private transient volatile long asOfMs;

    /**
     * @param maxParallelism the kernel's, which decides which of its subtasks a key goes to
     * @param clientIdPrefix the source's {@code client.id.prefix}; its clients must report to {@link FetchReporter}
     */
    public EventRouter(
            String plan, int sourceIndex, int kernelParallelism, int maxParallelism, String clientIdPrefix) {
        this.plan = Plan.parse(plan);
        this.sourceIndex = sourceIndex;
        this.kernelParallelism = kernelParallelism;
        this.maxParallelism = maxParallelism;
        this.clientIdPrefix = clientIdPrefix;
    }

    @Override
    public void open() throws Exception {
        super.open();
        record = new StreamRecord<>(null);
        keyToSubtask = keyToEachSubtask(kernelParallelism, maxParallelism);
        progress = new SourceProgress(getProcessingTimeService().getCurrentProcessingTime());
        asOfMs = NOTHING;
        MetricGroup group = getMetricGroup().addGroup("headwater").addGroup("view", plan.view());
        group.gauge("source_as_of_ms", (Gauge<Long>) () -> asOfMs);
        rejects = new EnumMap<>(Reason.class);
        for (Reason reason : Reason.values()) {
            if (reason != Reason.LATE) {
                rejects.put(reason, group.addGroup("reason", reason.text()).counter("rejects"));
            }
        }
        scheduleHeartbeat();
    }

    @Override
    public void processElement(StreamRecord<Decoded> element) {
        Decoded decoded = element.getValue();
        progress.passed(decoded.partition(), decoded.timestampMs());
        if (decoded.isEvent()) {
            output.collect(element.replace(decoded.event()));
        } else if (decoded.isRejected()) {
            DeadLetter letter = decoded.rejected();
            rejects.get(letter.reason()).inc();
            output.collect(REJECTED, new StreamRecord<>(letter));
        }
    }

    /** For each subtask of the kernel a key that leads to it. */
    static Key[] keyToEachSubtask(int parallelism, int maxParallelism) {
        Key[] keys = new Key[parallelism];
        int missing = parallelism;
        for (int i = 0; missing > 0; i++) {
            Key key = new Key(ByteBuffer.allocate(4).putInt(i).array());
            int subtask = KeyGroupRangeAssignment.assignKeyToParallelOperator(key, maxParallelism, parallelism);
            if (keys[subtask] == null) {
                keys[subtask] = key;
                missing--;
            }
        }
        return keys;
    }

    // Registered anew each time, so that heartbeats do not pile up while the thread is blocked.
    private void scheduleHeartbeat() {
        long nextMs = getProcessingTimeService().getCurrentProcessingTime() + plan.heartbeatIntervalMs();
        getProcessingTimeService().registerTimer(nextMs, this::heartbeat);
    }

    private void heartbeat(long timestampMs) {
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        // As Flink's source names the client of its subtask.
        Fetches fetches = FetchReporter.of(clientIdPrefix + "-" + subtask);
        long nowMs = getProcessingTimeService().getCurrentProcessingTime();
        long sinceMs = progress.asOf(nowMs, downstreamIsFull(), fetches);
        if (sinceMs != SourceProgress.UNKNOWN) {
            asOfMs = sinceMs;
            int parallelism = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
            record.eraseTimestamp();
            for (Key key : keyToSubtask) {
                output.collect(record.replace(Event.heartbeat(key, sourceIndex, subtask, parallelism, sinceMs)));
            }
        }
        scheduleHeartbeat();
    }

    private boolean downstreamIsFull() {
        for (ResultPartitionWriter writer : getContainingTask().getEnvironment().getAllWriters()) {
            if (!writer.isAvailable()) {
                return true;
            }
        }
        return false;
    }
}
