package dev.headwater.kernel.bench;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.log.RowEncoder;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.window.KeyState;
import dev.headwater.kernel.window.KeyStateSerializer;
import dev.headwater.kernel.window.ViewWindows;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import org.apache.flink.core.memory.DataOutputSerializer;

/**
 * One view over a stream, on this thread, without Flink: the states of the keys in a hash map, a row at most once in an
 * emission interval, ticks by a queue of one timer a key. It does what the kernel's operator does with an event, by the
 * same code below it; what Flink adds (its state and timer services, the exchange, metrics) is not in it.
 */
final class ViewRun {
    private static final long US_PER_MS = 1000;
    private static final long NO_WATERMARK = Long.MIN_VALUE;

    private record Timer(long atMs, Key key) {}

    private record HeldBack(long dueMs, Key key) {}

    private final ViewWindows windows;
    private final RowEncoder encoder;
    private final KeyStateSerializer serializer;
    private final long emissionIntervalMs;
    private final Consumer<LogRecord> log;
    private final Map<Key, KeyState> states = new HashMap<>();
    private final PriorityQueue<Timer> timers = new PriorityQueue<>(Comparator.comparingLong(Timer::atMs));
    private final ArrayDeque<HeldBack> heldBack = new ArrayDeque<>();
    private long watermarkUs = NO_WATERMARK;
    private long nowMs;

    ViewRun(Plan plan, Consumer<LogRecord> log) {
        CellLayout layout = new CellLayout(plan);
        windows = new ViewWindows(plan, layout);
        encoder = new RowEncoder(plan, windows, layout, 1);
        serializer = new KeyStateSerializer(plan, windows, layout);
        emissionIntervalMs = plan.emissionIntervalMs();
        this.log = log;
    }

    void event(Event event) {
        KeyState state = states.get(event.key);
        boolean wasDirty = false;
        if (state == null) {
            state = windows.newState();
            states.put(event.key, state);
        } else if (windows.isLate(state, event.eventTimeUs)) {
            throw new IllegalStateException("the stream is in order, but an event is late");
        } else {
            wasDirty = state.isDirty();
        }
        windows.add(state, event, watermarkUs);
        long presentUs = state.timerMs == KeyState.NO_TIMER ? Long.MAX_VALUE : state.timerMs * US_PER_MS;
        long tickUs = windows.earlierTick(event.eventTimeUs, state.clockUs, presentUs);
        if (tickUs < presentUs) {
            register(event.key, state, tickUs / US_PER_MS);
        }
        if (!wasDirty) {
            changed(event.key, state);
        }
    }

    /** Moves the wall clock, and writes what is due by then. */
    void time(long ms) {
        nowMs = ms;
        while (!heldBack.isEmpty() && heldBack.peek().dueMs <= nowMs) {
            emitNext();
        }
    }

    /** Moves the watermark, and fires the ticks that it passes. */
    void watermark(long ms) {
        watermarkUs = ms * US_PER_MS;
        while (!timers.isEmpty() && timers.peek().atMs <= ms) {
            Timer timer = timers.poll();
            KeyState state = states.get(timer.key);
            if (state.timerMs == timer.atMs) {
                state.timerMs = KeyState.NO_TIMER;
                tick(timer.key, state, ms);
            }
        }
    }

    /** Writes every row that is held back. */
    void flush() {
        while (!heldBack.isEmpty()) {
            emitNext();
        }
    }

    int keys() {
        return states.size();
    }

    /** Of all keys' states, as a checkpoint holds them. */
    long stateBytes() throws IOException {
        long bytes = 0;
        DataOutputSerializer target = new DataOutputSerializer(1 << 16);
        for (KeyState state : states.values()) {
            target.clear();
            serializer.serialize(state, target);
            bytes += target.length();
        }
        return bytes;
    }

    private void tick(Key key, KeyState state, long watermarkMs) {
        boolean wasDirty = state.isDirty();
        windows.advance(state, watermarkUs);
        if (!wasDirty && state.isDirty()) {
            changed(key, state);
        }
        long nextUs = windows.nextTick(state);
        if (nextUs != Long.MAX_VALUE) {
            register(key, state, Math.max(nextUs / US_PER_MS, watermarkMs + 1));
        }
    }

    private void register(Key key, KeyState state, long atMs) {
        state.timerMs = atMs;
        timers.add(new Timer(atMs, key));
    }

    private void changed(Key key, KeyState state) {
        if (nowMs >= state.quietUntilMs) {
            emit(key, state);
        } else {
            heldBack.add(new HeldBack(state.quietUntilMs, key));
        }
    }

    private void emitNext() {
        Key key = heldBack.poll().key;
        emit(key, states.get(key));
    }

    private void emit(Key key, KeyState state) {
        log.accept(encoder.encode(key, state, nowMs));
        state.rowWritten();
        state.quietUntilMs = nowMs + emissionIntervalMs;
    }
}
