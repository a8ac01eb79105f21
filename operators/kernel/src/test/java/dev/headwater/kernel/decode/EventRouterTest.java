package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EventRouterTest {
    private static final int PARALLELISM = 3;
    private static final int MAX_PARALLELISM = 128;

    private OneInputStreamOperatorTestHarness<Decoded, Event> harness;

    @BeforeEach
    void open() throws Exception {
        harness = new OneInputStreamOperatorTestHarness<>(
                new EventRouter(Events.planJson(), 0, PARALLELISM, MAX_PARALLELISM, "router-test"), Decoded.Serializer.INSTANCE);
        harness.open();
    }

    @AfterEach
    void close() throws Exception {
        harness.close();
    }

    @Test
    void eventsGoOnAndRejectsGoAside() throws Exception {
        harness.processElement(event(0, 1_000), 1_000);
        harness.processElement(new StreamRecord<>(rejected()));
        assertEquals(1, harness.extractOutputValues().size());
        assertFalse(harness.extractOutputValues().get(0).heartbeat);
        assertEquals(1, harness.getSideOutput(EventRouter.REJECTED).size());
    }

    @Test
    void aRecordWithoutEventsOnlySaysHowFarItsPartitionWasRead() throws Exception {
        harness.setProcessingTime(50_000);
        harness.getOutput().clear();
        harness.processElement(event(0, 49_000), 1);
        harness.processElement(new StreamRecord<>(new Decoded().setEmpty(1, 20_000)));
        assertEquals(1, harness.extractOutputValues().size());
        harness.setProcessingTime(51_000);
        assertEquals(20_000, heartbeats().get(0).asOfMs);
    }

    @Test
    void eachKernelSubtaskHasAKeyOfItsOwn() {
        for (int parallelism = 1; parallelism <= 16; parallelism++) {
            Key[] keys = EventRouter.keyToEachSubtask(parallelism, MAX_PARALLELISM);
            for (int subtask = 0; subtask < parallelism; subtask++) {
                assertEquals(
                        subtask,
                        KeyGroupRangeAssignment.assignKeyToParallelOperator(keys[subtask], MAX_PARALLELISM, parallelism));
            }
        }
    }

    @Test
    void aHeartbeatSaysHowFarTheSlowestPartitionThatWasReadIs() throws Exception {
        harness.setProcessingTime(50_000);
        harness.getOutput().clear();
        harness.processElement(event(0, 49_000), 1);
        harness.processElement(event(1, 20_000), 1);
        harness.processElement(event(1, 21_000), 1);
        harness.setProcessingTime(51_000);
        List<Event> heartbeats = heartbeats();
        assertEquals(PARALLELISM, heartbeats.size());
        for (Event heartbeat : heartbeats) {
            assertEquals(21_000, heartbeat.asOfMs);
            assertEquals(1, heartbeat.sourceParallelism);
        }
    }

    @Test
    void aClockAheadOfOursDoesNotMakeAHeartbeatOfTheFuture() throws Exception {
        harness.setProcessingTime(50_000);
        harness.processElement(event(0, 99_000), 1);
        harness.getOutput().clear();
        harness.setProcessingTime(51_000);
        assertEquals(51_000, heartbeats().get(0).asOfMs);
    }

    @Test
    void withNothingToReadAHeartbeatIsAsOfNow() throws Exception {
        harness.processElement(event(0, 10), 1);
        harness.setProcessingTime(1_000);
        harness.getOutput().clear();
        harness.setProcessingTime(2_000);
        assertEquals(1_900, heartbeats().get(0).asOfMs);
    }

    @Test
    void silenceRightAfterTheStartIsNoHeartbeat() throws Exception {
        for (long time = 1_000; time <= 4_000; time += 1_000) {
            harness.setProcessingTime(time);
        }
        assertTrue(heartbeats().isEmpty());
        harness.setProcessingTime(5_000);
        assertEquals(PARALLELISM, heartbeats().size());
    }

    private List<Event> heartbeats() {
        List<Event> heartbeats = new ArrayList<>(harness.extractOutputValues());
        heartbeats.removeIf(event -> !event.heartbeat);
        return heartbeats;
    }

    private static Decoded event(int partition, long kafkaTimestampMs) {
        Event event = new Event(0);
        event.key = new Key(new byte[] {2, 'a'});
        event.partition = partition;
        event.ingestedAtMs = kafkaTimestampMs;
        return new Decoded().setEvent(event);
    }

    private static Decoded rejected() {
        return new Decoded().setRejected(new DeadLetter(
                Reason.NULL_VALUE, "", "t", 0, 1, 2, null, null, null, null, 0, null, Map.of(), null));
    }
}
