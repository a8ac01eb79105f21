package dev.headwater.kernel.harness;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.LateEvent;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.plan.Plan;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;

/**
 * All subtasks of the operator: an event goes to the subtask of its key, all else to each of them. After a crash it may
 * start from any checkpoint that it took, with another number of subtasks.
 */
final class KernelJob implements AutoCloseable {
    private static final int MAX_PARALLELISM = KernelDriver.MAX_PARALLELISM;

    /** The states of all subtasks in one, and how many they were. */
    private record Checkpoint(OperatorSubtaskState state, int parallelism) {}

    private Plan plan;
    private final KernelDriver.Backend backend;
    private final List<KernelDriver> subtasks = new ArrayList<>();
    private final List<Checkpoint> checkpoints = new ArrayList<>();

    KernelJob(Plan plan, KernelDriver.Backend backend, int parallelism, long processingTimeMs) throws Exception {
        this.plan = plan;
        this.backend = backend;
        start(null, parallelism, processingTimeMs);
    }

    void event(Event event) throws Exception {
        subtasks.get(subtaskOf(event)).event(event);
    }

    void watermark(long ms) throws Exception {
        for (KernelDriver subtask : subtasks) {
            subtask.watermark(ms);
        }
    }

    void processingTime(long ms) throws Exception {
        for (KernelDriver subtask : subtasks) {
            subtask.processingTime(ms);
        }
    }

    /** Takes a checkpoint, to which the next number is given, from 0 on. */
    void checkpoint() throws Exception {
        OperatorSubtaskState[] states = new OperatorSubtaskState[subtasks.size()];
        for (int i = 0; i < states.length; i++) {
            states[i] = subtasks.get(i).checkpoint();
        }
        OperatorSubtaskState all =
                states.length == 1 ? states[0] : AbstractStreamOperatorTestHarness.repackageState(states);
        checkpoints.add(new Checkpoint(all, states.length));
    }

    /** Crashes, and starts again at this wall time from the checkpoint of this number, or from nothing if it is -1. */
    void restore(int checkpoint, int parallelism, long processingTimeMs) throws Exception {
        close();
        start(checkpoint < 0 ? null : checkpoints.get(checkpoint), parallelism, processingTimeMs);
    }

    /** Writes the checkpoint of this number, which one subtask took, to a file. */
    void keep(int checkpoint, String file) throws Exception {
        OperatorSnapshotUtil.writeStateHandle(checkpoints.get(checkpoint).state(), file);
    }

    /** Has what {@link #keep} wrote, maybe in another kernel, as its next checkpoint. */
    void takeKept(String file) throws Exception {
        checkpoints.add(new Checkpoint(OperatorSnapshotUtil.readStateHandle(file), 1));
    }

    /** From the next {@link #restore} on it runs this plan. */
    void replan(Plan other) {
        plan = other;
    }

    void finish() throws Exception {
        for (KernelDriver subtask : subtasks) {
            subtask.finish();
        }
    }

    List<LogRecord> takeRecords() {
        List<LogRecord> taken = new ArrayList<>();
        subtasks.forEach(subtask -> taken.addAll(subtask.takeRecords()));
        return taken;
    }

    List<LateEvent> takeLate() {
        List<LateEvent> taken = new ArrayList<>();
        subtasks.forEach(subtask -> taken.addAll(subtask.takeLate()));
        return taken;
    }

    /** How many keys have state. */
    long keys() {
        return subtasks.stream().mapToLong(KernelDriver::keys).sum();
    }

    @Override
    public void close() throws Exception {
        for (KernelDriver subtask : subtasks) {
            subtask.close();
        }
        subtasks.clear();
    }

    private int subtaskOf(Event event) {
        return KeyGroupRangeAssignment.assignKeyToParallelOperator(event.key, MAX_PARALLELISM, subtasks.size());
    }

    private void start(Checkpoint from, int parallelism, long processingTimeMs) throws Exception {
        for (int i = 0; i < parallelism; i++) {
            subtasks.add(new KernelDriver(
                    plan, backend, i, parallelism, from == null ? null : part(from, i, parallelism), processingTimeMs));
        }
    }

    private static OperatorSubtaskState part(Checkpoint of, int subtask, int parallelism) {
        return of.parallelism() == 1 && parallelism == 1
                ? of.state()
                : AbstractStreamOperatorTestHarness.repartitionOperatorState(
                        of.state(), MAX_PARALLELISM, of.parallelism(), parallelism, subtask);
    }
}
