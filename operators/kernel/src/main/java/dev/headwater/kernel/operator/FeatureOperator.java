package dev.headwater.kernel.operator;

import dev.headwater.kernel.accumulator.EventIds;
import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LateEvent;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.log.RowEncoder;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.window.KeyState;
import dev.headwater.kernel.window.KeyStateSerializer;
import dev.headwater.kernel.window.ViewWindows;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.InternalTimer;
import org.apache.flink.streaming.api.operators.InternalTimerService;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Triggerable;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.OutputTag;

/**
 * The kernel: keeps each key's tiles and clock, and writes a row of the feature log whenever a key's version (clock, n)
 * has changed, at most once in an emission interval.
 *
 * <p>What a key's state becomes depends only on its events and the watermark. The wall clock decides only when a row
 * is written: at once if the key has been quiet for the emission interval, else when the interval ends, and in any case
 * before a barrier, so that no checkpoint holds a change that the log has not heard of.
 *
 * <p>Each key has one event-time timer, at or before its next tick. A timer that fires early does no harm: it finds
 * that nothing is due, and the next one is registered. A key without tiles keeps its clock until the watermark is a
 * full reach past it. The watermark that a bounded source ends with is no time: it moves no clock, and leaves the
 * timers where they are for whoever restores the state.
 */
public final class FeatureOperator extends AbstractStreamOperator<LogRecord>
        implements OneInputStreamOperator<Event, LogRecord>, Triggerable<Key, VoidNamespace> {
    /** Events that no window of their key can contain any more. */
    public static final OutputTag<LateEvent> LATE = new OutputTag<>("late", LateEvent.TYPE);

    private static final long serialVersionUID = 1L;
    private static final long NO_WATERMARK = Long.MIN_VALUE;
    private static final long US_PER_MS = 1000;
    private static final long NEVER = Long.MAX_VALUE;

    private final Plan plan;
    private final int logSchemaId;
    private final long emissionIntervalMs;

    private transient ViewWindows windows;
    private transient RowEncoder encoder;
    private transient KeyStateSerializer serializer;
    private transient ValueState<KeyState> states;
    private transient InternalTimerService<VoidNamespace> timers;
    private transient EmissionWheel wheel;
    private transient long wheelTimerMs;
    private transient Heartbeats heartbeats;
    private transient long watermarkMs;
    private transient long watermarkUs;
    private transient StreamRecord<LogRecord> record;

    private transient Counter events;
    private transient Counter lateEvents;
    private transient Counter duplicates;
    private transient Counter conflictingDuplicates;
    private transient Counter eventRows;
    private transient Counter expiryRows;

    /** {@code logSchemaId}: the registry's id of the plan's log schema, which goes into the framing of every row. */
    public FeatureOperator(Plan plan, int logSchemaId) {
        this.plan = plan;
        this.logSchemaId = logSchemaId;
        this.emissionIntervalMs = plan.emissionIntervalMs();
    }

    @Override
    public void open() throws Exception {
        super.open();
        CellLayout layout = new CellLayout(plan);
        windows = new ViewWindows(plan, layout);
        encoder = new RowEncoder(plan, windows, layout, logSchemaId);
        serializer = new KeyStateSerializer(plan, windows, layout);
        states = getRuntimeContext().getState(new ValueStateDescriptor<>("key", serializer));
        timers = getInternalTimerService("ticks", VoidNamespaceSerializer.INSTANCE, this);
        wheel = new EmissionWheel(emissionIntervalMs);
        wheelTimerMs = Long.MAX_VALUE;
        watermarkMs = NO_WATERMARK;
        watermarkUs = NO_WATERMARK;
        record = new StreamRecord<>(null);
        openMetrics();
        openHeartbeats();
    }

    @Override
    public void processElement(StreamRecord<Event> element) throws Exception {
        Event event = element.getValue();
        if (event.heartbeat) {
            heartbeats.hear(event);
            return;
        }
        events.inc();
        KeyState state = serializer.adopt(states.value());
        boolean heldBack = false;
        if (state == null) {
            state = windows.newState();
        } else if (windows.isLate(state, event.eventTimeUs)) {
            reject(event);
            return;
        } else {
            heldBack = state.isDirty();
        }
        EventIds.Found found = windows.add(state, event, watermarkUs);
        if (found != EventIds.Found.NEW) {
            duplicates.inc();
            if (found == EventIds.Found.CONFLICTING_COPY) {
                conflictingDuplicates.inc();
            }
            return;
        }
        scheduleTickOf(event, state);
        if (!heldBack) {
            changed(event.key, state);
        }
        states.update(state);
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        if (mark.getTimestamp() == Long.MAX_VALUE) {
            output.emitWatermark(mark);
            return;
        }
        watermarkMs = mark.getTimestamp();
        watermarkUs = watermarkMs < 0 ? NO_WATERMARK : Math.min(watermarkMs, Long.MAX_VALUE / US_PER_MS) * US_PER_MS;
        super.processWatermark(mark);
    }

    @Override
    public void onEventTime(InternalTimer<Key, VoidNamespace> timer) throws Exception {
        KeyState state = serializer.adopt(states.value());
        if (state == null || state.timerMs != timer.getTimestamp()) {
            return;
        }
        state.timerMs = KeyState.NO_TIMER;
        boolean heldBack = state.isDirty();
        windows.advance(state, watermarkUs);
        if (!heldBack && state.isDirty()) {
            changed(timer.getKey(), state);
        }
        if (state.isEmpty() && !state.isDirty() && watermarkMs >= forgetAtMs(state)) {
            states.clear();
            return;
        }
        long nextMs = state.isEmpty() ? forgetAtMs(state) : nextTickMs(state);
        if (nextMs != NEVER) {
            register(state, Math.max(nextMs, watermarkMs + 1));
        }
        states.update(state);
    }

    @Override
    public void onProcessingTime(InternalTimer<Key, VoidNamespace> timer) {
        throw new IllegalStateException("the kernel registers no processing-time timers of keys");
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
        super.prepareSnapshotPreBarrier(checkpointId);
        flush();
    }

    @Override
    public void finish() throws Exception {
        super.finish();
        flush();
    }

    /** Writes the key's row, or holds it back if the last one was written less than an emission interval ago. */
    private void changed(Key key, KeyState state) {
        long now = now();
        // After a restore on a machine whose clock is behind, no key waits longer than the interval.
        long quietUntilMs = Math.min(state.quietUntilMs, now + emissionIntervalMs);
        if (now >= quietUntilMs) {
            emit(key, state, now);
            return;
        }
        long drainAtMs = wheel.add(key, quietUntilMs, now);
        if (drainAtMs < wheelTimerMs) {
            registerWheelTimer(drainAtMs);
        }
    }

    private void emit(Key key, KeyState state, long now) {
        (state.eventSinceRow ? eventRows : expiryRows).inc();
        log(encoder.encode(key, state, now));
        state.rowWritten();
        state.quietUntilMs = now + emissionIntervalMs;
    }

    private void emitHeldBack(Key key) throws Exception {
        setCurrentKey(key);
        KeyState state = serializer.adopt(states.value());
        emit(key, state, now());
        states.update(state);
    }

    private void flush() throws Exception {
        wheel.flush(this::emitHeldBack);
        heartbeats.writeAll(now(), this::log);
    }

    private void drainWheel(long firedMs) throws Exception {
        if (firedMs == wheelTimerMs) {
            wheelTimerMs = Long.MAX_VALUE;
        }
        wheel.drain(now(), this::emitHeldBack);
        if (wheel.size() > 0 && wheelTimerMs == Long.MAX_VALUE) {
            registerWheelTimer(wheel.nextDueMs());
        }
    }

    private void registerWheelTimer(long atMs) {
        wheelTimerMs = atMs;
        getProcessingTimeService().registerTimer(atMs, this::drainWheel);
    }

    private void scheduleTickOf(Event event, KeyState state) {
        if (state.isEmpty()) {
            if (state.timerMs == KeyState.NO_TIMER) {
                register(state, forgetAtMs(state));
            }
            return;
        }
        long presentUs = state.timerMs == KeyState.NO_TIMER ? Long.MAX_VALUE : state.timerMs * US_PER_MS;
        long tickUs = windows.earlierTick(event.eventTimeUs, state.clockUs, presentUs);
        if (tickUs < presentUs) {
            if (state.timerMs != KeyState.NO_TIMER) {
                timers.deleteEventTimeTimer(VoidNamespace.INSTANCE, state.timerMs);
            }
            register(state, tickUs / US_PER_MS);
        }
    }

    private void register(KeyState state, long atMs) {
        state.timerMs = atMs;
        timers.registerEventTimeTimer(VoidNamespace.INSTANCE, atMs);
    }

    /** Ticks are whole seconds. */
    private long nextTickMs(KeyState state) {
        long tickUs = windows.nextTick(state);
        return tickUs == Long.MAX_VALUE ? NEVER : tickUs / US_PER_MS;
    }

    /** From this watermark on, an event that could be late for the key's clock cannot start a clock that matters. */
    private long forgetAtMs(KeyState state) {
        return -Math.floorDiv(-state.clockUs, US_PER_MS) + plan.reachMs();
    }

    private void reject(Event event) {
        lateEvents.inc();
        output.collect(
                LATE,
                new StreamRecord<>(new LateEvent(
                        event.source,
                        event.partition,
                        event.offset,
                        event.key,
                        event.eventTimeUs,
                        event.ingestedAtMs)));
    }

    private void log(LogRecord logRecord) {
        output.collect(record.replace(logRecord));
    }

    private long now() {
        return getProcessingTimeService().getCurrentProcessingTime();
    }

    private void openHeartbeats() {
        long now = now();
        heartbeats = new Heartbeats(
                now,
                getRuntimeContext().getTaskInfo().getIndexOfThisSubtask(),
                getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks(),
                plan.sources().size(),
                plan.logPartitions());
        getProcessingTimeService().registerTimer(now + plan.heartbeatIntervalMs(), this::takeHeartbeat);
    }

    private void takeHeartbeat(long firedMs) {
        long now = now();
        if (wheel.size() == 0) {
            heartbeats.take(watermarkMs, now);
            heartbeats.write(now, this::log);
        } else {
            long writeAtMs = now + emissionIntervalMs + wheel.stepMs();
            if (heartbeats.take(watermarkMs, writeAtMs)) {
                getProcessingTimeService().registerTimer(writeAtMs, this::writeHeartbeat);
            }
        }
        getProcessingTimeService().registerTimer(now + plan.heartbeatIntervalMs(), this::takeHeartbeat);
    }

    private void writeHeartbeat(long firedMs) throws Exception {
        drainWheel(firedMs);
        heartbeats.write(now(), this::log);
    }

    private void openMetrics() {
        MetricGroup group = getMetricGroup().addGroup("headwater");
        events = group.counter("events_total");
        lateEvents = group.counter("late_events_total");
        duplicates = group.counter("duplicate_events_total");
        conflictingDuplicates = group.counter("conflicting_duplicate_events_total");
        eventRows = group.counter("event_rows_total");
        expiryRows = group.counter("expiry_rows_total");
        group.gauge("held_back_keys", wheel::size);
    }
}
