package dev.headwater.kernel.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.KernelDriver.Backend;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.harness.Row;
import dev.headwater.kernel.plan.Plan;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sums over 60 s by 10 s, of events with ids; a row at each change. Times are seconds. */
class DeduplicationTest {

    @ParameterizedTest
    @EnumSource
    void aCopyChangesNothingWhereverItStandsInTheTopic(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(70), backend)) {
            kernel.event(event("p1", 1, 0, 5.0));
            kernel.event(event("p1", 1, 0, 5.0));
            kernel.event(event("p2", 2, 0, 7.0));
            kernel.event(event("p1", 1, 0, 5.0));
            assertEquals(List.of("1.0 1 5.0", "2.0 2 12.0"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void anotherTimeOrAnotherSourceIsAnotherEvent(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(70), backend)) {
            kernel.event(event("p1", 1, 0, 5.0));
            kernel.event(event("p1", 2, 0, 5.0));
            kernel.event(event("p1", 2, 1, 5.0));
            assertEquals(List.of("1.0 1 5.0", "2.0 2 10.0", "2.0 3 15.0"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCopyWithOtherValuesIsStillACopy(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(70), backend)) {
            kernel.event(event("p1", 1, 0, 5.0));
            kernel.event(event("p1", 1, 0, 50.0));
            assertEquals(List.of("1.0 1 5.0"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void copiesAreKnownAfterARestoreAndInTilesThatWereMerged(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(70), backend)) {
            for (int second = 1; second <= 50; second++) {
                kernel.event(event("p" + second, second, 0, 1.0));
            }
            kernel.checkpoint();
            kernel.restore();
            kernel.takeRecords();
            for (int second = 50; second >= 1; second--) {
                kernel.event(event("p" + second, second, 0, 1.0));
            }
            assertEquals(List.of(), rows(kernel));
        }
    }

    /**
     * Copies are recognised for 30 s in a window of 60 s: the view is approximate.
     *
     * <pre>
     *   event   1 . . . . 10 . . . . . . . . . . . 40
     *   copy                                          of 10: 30 s behind the clock, known
     *   copy                                          of 1: 39 s behind the clock, counts again
     * </pre>
     */
    @ParameterizedTest
    @EnumSource
    void beyondTheHorizonACopyCountsAgain(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(30), backend)) {
            kernel.event(event("p1", 1, 0, 1.0));
            kernel.event(event("p2", 10, 0, 10.0));
            kernel.event(event("p3", 40, 0, 100.0));
            kernel.takeRecords();
            kernel.event(event("p2", 10, 0, 10.0));
            assertEquals(List.of(), rows(kernel));
            kernel.event(event("p1", 1, 0, 1.0));
            assertEquals(List.of("40.0 4 112.0"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void elementsOfOneRecordThatShareItsIdAreSeveralEvents(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(70), backend)) {
            for (int index : new int[] {0, 1, 0, 1}) {
                Event element = event("order", 1, 0, 5.0);
                element.index = index;
                kernel.event(element);
            }
            assertEquals(List.of("1.0 1 5.0", "1.0 2 10.0"), rows(kernel));
        }
    }

    /** Of 20,000 events only those of the last minute are remembered: 12 bytes each would be 240 KB. */
    @Test
    void idsBehindTheHorizonAreForgottenWhereEventsMatterForEver() throws Exception {
        Plan plan = new PlanBuilder()
                .deduplication(Duration.ofSeconds(60))
                .column("amount", "double", false)
                .lifetime("lifetime")
                .feature("sum", 0, "double")
                .build();
        try (KernelDriver kernel = new KernelDriver(plan)) {
            kernel.discardRecords();
            for (int second = 1; second <= 20_000; second++) {
                kernel.event(event("p" + second, second, 0, 1.0));
            }
            assertTrue(kernel.checkpoint().getStateSize() < 30_000);
        }
    }

    private static Plan plan(int horizonSeconds) {
        return new PlanBuilder()
                .emissionIntervalMs(0)
                .deduplication(Duration.ofSeconds(horizonSeconds))
                .column("amount", "double", false)
                .window("1m", Duration.ofSeconds(60), Duration.ofSeconds(10))
                .feature("sum", 0, "double")
                .window("10s", Duration.ofSeconds(10), Duration.ofSeconds(1))
                .feature("sum", 0, "double")
                .build();
    }

    private static Event event(String id, double seconds, int source, double amount) {
        Event event = Events.positioned(seconds, "a", source, 0, (long) (seconds * 1000), amount);
        event.id = id.getBytes(StandardCharsets.UTF_8);
        return event;
    }

    /** The clock, n and the sum of the minute, of each row. */
    private static List<String> rows(KernelDriver kernel) {
        return Row.of(plan(70), kernel.takeRecords()).stream()
                .map(row -> row.clock() + " " + row.n() + " " + row.feature(0))
                .toList();
    }
}
