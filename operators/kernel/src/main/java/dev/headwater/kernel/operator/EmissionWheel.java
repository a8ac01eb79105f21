package dev.headwater.kernel.operator;

import dev.headwater.kernel.event.Key;
import java.util.ArrayList;
import java.util.List;

/**
 * The keys of one subtask whose rows are held back, by the time at which they are due. It holds only keys whose state
 * is dirty, each once, and lives in memory only: it is emptied before every barrier.
 *
 * <p>Time is cut into steps; a key is due at the end of the step that its time falls in, so a row may come one step
 * later than asked.
 */
final class EmissionWheel {
    private static final int STEPS_PER_INTERVAL = 32;

    /** Takes the keys that are due, in the order of their steps. */
    @FunctionalInterface
    interface Drain {
        void emit(Key key) throws Exception;
    }

    private final long stepMs;
    private final List<List<Key>> steps = new ArrayList<>();
    private int size;
    /** Every step up to this one has been emptied. */
    private long drained;

    /** Keys are due at most {@code intervalMs} ahead. */
    EmissionWheel(long intervalMs) {
        stepMs = Math.max(1, intervalMs / STEPS_PER_INTERVAL);
        for (long step = 0; step <= intervalMs / stepMs + 1; step++) {
            steps.add(new ArrayList<>());
        }
    }

    int size() {
        return size;
    }

    /** How much later than due a key may be emitted. */
    long stepMs() {
        return stepMs;
    }

    /** Adds a key that is due at {@code dueMs}. Returns when to call {@link #drain} for it. */
    long add(Key key, long dueMs, long nowMs) {
        if (size == 0) {
            drained = Math.floorDiv(nowMs, stepMs);
        }
        // Where draining lags, a key may find its step a whole turn ahead; it then goes earlier, never later.
        long step = Math.min(Math.max(-Math.floorDiv(-dueMs, stepMs), drained + 1), drained + steps.size());
        at(step).add(key);
        size++;
        return step * stepMs;
    }

    /** Empties all steps that have ended by now. */
    void drain(long nowMs, Drain into) throws Exception {
        long through = Math.floorDiv(nowMs, stepMs);
        while (size > 0 && drained < through) {
            drained++;
            empty(at(drained), into);
        }
    }

    /** Empties all steps. */
    void flush(Drain into) throws Exception {
        drain(Long.MAX_VALUE, into);
    }

    /** When the earliest key is due, to the step. There must be one. */
    long nextDueMs() {
        long step = drained + 1;
        while (at(step).isEmpty()) {
            step++;
        }
        return step * stepMs;
    }

    private void empty(List<Key> step, Drain into) throws Exception {
        for (Key key : step) {
            size--;
            into.emit(key);
        }
        step.clear();
    }

    private List<Key> at(long step) {
        return steps.get((int) Math.floorMod(step, (long) steps.size()));
    }
}
