package dev.headwater.kernel.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.KernelDriver.Backend;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.harness.Row;
import dev.headwater.kernel.plan.Plan;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One window of 60 s by 10 s unless said otherwise; clocks in seconds, wall time in milliseconds. */
class FeatureOperatorTest {
    private static final Plan PLAN = plan(1);

    /**
     * <pre>
     *   wall ms  0    50   100  200  250      400
     *   event    1    2    3         4
     *   row      1              3    (held)   4
     * </pre>
     */
    @ParameterizedTest
    @EnumSource
    void aQuietKeyWritesAtOnceAndABusyOneAtTheEndOfItsInterval(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(1, "a", 1.0));
            assertEquals(List.of("a 1.0 1 EVENT"), rows(kernel));
            kernel.processingTime(50);
            kernel.event(Events.at(2, "a", 1.0));
            kernel.processingTime(100);
            kernel.event(Events.at(3, "a", 1.0));
            assertEquals(List.of(), rows(kernel));
            kernel.processingTime(206);
            assertEquals(List.of("a 3.0 3 EVENT"), rows(kernel));
            kernel.processingTime(250);
            kernel.event(Events.at(4, "a", 1.0));
            assertEquals(List.of(), rows(kernel));
            kernel.processingTime(420);
            assertEquals(List.of("a 4.0 4 EVENT"), rows(kernel));
            kernel.processingTime(5000);
            assertEquals(List.of(), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void withoutAnIntervalEachChangeIsARow(Backend backend) throws Exception {
        Plan plan = new PlanBuilder()
                .emissionIntervalMs(0)
                .column("amount", "double", false)
                .window("1m", Duration.ofSeconds(60), Duration.ofSeconds(10))
                .feature("sum", 0, "double")
                .build();
        try (KernelDriver kernel = new KernelDriver(plan, backend)) {
            kernel.event(Events.at(1, "a", 1.0));
            kernel.event(Events.at(1, "a", 1.0));
            List<Row> rows = Row.of(plan, kernel.takeRecords());
            assertEquals(List.of("a 1.0 1 EVENT", "a 1.0 2 EVENT"), rows.stream().map(Row::brief).toList());
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyRowHeldBackIsWrittenBeforeTheBarrierAndNoneIsForgottenByARestore(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            for (String user : List.of("a", "b", "c")) {
                kernel.event(Events.at(1, user, 1.0));
                kernel.event(Events.at(2, user, 1.0));
            }
            rows(kernel);
            kernel.checkpoint();
            assertEquals(Set.of("a 2.0 2 EVENT", "b 2.0 2 EVENT", "c 2.0 2 EVENT"), new HashSet<>(rows(kernel)));
            kernel.restore();
            kernel.processingTime(5000);
            assertEquals(List.of(), rows(kernel));
            kernel.event(Events.at(3, "a", 1.0));
            assertEquals(List.of("a 3.0 3 EVENT"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void changesAfterTheCheckpointComeAgainWithTheirReplay(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(1, "a", 1.0));
            kernel.checkpoint();
            kernel.event(Events.at(2, "a", 1.0));
            rows(kernel);
            kernel.restore();
            kernel.event(Events.at(2, "a", 1.0));
            kernel.processingTime(250);
            assertEquals(List.of("a 2.0 2 EVENT"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void theEndOfTheInputWritesWhatIsHeldBack(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(1, "a", 1.0));
            kernel.event(Events.at(2, "a", 1.0));
            kernel.finish();
            assertEquals(List.of("a 1.0 1 EVENT", "a 2.0 2 EVENT"), rows(kernel));
        }
    }

    /**
     * Events at 25 and 31 leave at 90 and 100.
     *
     * <pre>
     *   watermark  89.999  95   130
     *   clock      31      90   100
     * </pre>
     */
    @ParameterizedTest
    @EnumSource
    void theClockBecomesTheLatestTickThatTheWatermarkHasPassed(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 2.0));
            kernel.event(Events.at(31, "a", 3.0));
            kernel.processingTime(1000);
            kernel.processingTime(2000);
            rows(kernel);
            kernel.watermark(89_999);
            assertEquals(List.of(), rows(kernel));
            kernel.watermark(95_000);
            Row row = row(kernel);
            assertEquals("a 90.0 1 EXPIRY", row.brief());
            assertEquals(3.0, row.feature(0));
            assertEquals(100.0, row.nextChange());
            assertEquals(100.0, row.emptyAt());
            kernel.processingTime(3000);
            kernel.watermark(130_000);
            Row empty = row(kernel);
            assertEquals("a 100.0 0 EXPIRY", empty.brief());
            assertEquals(0.0, empty.feature(0));
            assertNull(empty.feature(1));
            assertEquals(100.0, empty.emptyAt());
            assertEquals(Long.MAX_VALUE, empty.header().getLong(56));
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEventWhoseTicksAreDueMovesTheClockToThem(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(100, "a", 1.0));
            kernel.watermark(125_000);
            kernel.processingTime(1000);
            rows(kernel);
            // Within reach of clock 100 (from 40 on); it leaves at 110, which the watermark has passed.
            kernel.event(Events.at(45, "a", 1.0));
            assertEquals(List.of("a 110.0 1 EVENT"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void anUnknownKeyIsNeverLateAndItsRowIsWrittenThoughItIsEmpty(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.watermark(1_000_000);
            kernel.event(Events.at(25, "a", 1.0));
            assertEquals(List.of("a 90.0 0 EVENT"), rows(kernel));
            assertEquals(List.of(), kernel.takeLate());
            assertEquals(1, kernel.keys());
            kernel.watermark(1_000_001);
            assertEquals(0, kernel.keys());
            assertEquals(0, kernel.timers());
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEventBeforeTheReachOfTheClockIsLateAndChangesNothing(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(100, "a", 1.0));
            rows(kernel);
            kernel.processingTime(1000);
            kernel.event(Events.positioned(39.999999, "a", 0, 2, 77, 1.0));
            assertEquals(List.of(), rows(kernel));
            var late = kernel.takeLate();
            assertEquals(1, late.size());
            assertEquals(2, late.get(0).partition());
            assertEquals(77, late.get(0).offset());
            assertEquals(39_999_999, late.get(0).eventTimeUs());
            assertEquals(Events.key("a"), late.get(0).key());
            kernel.event(Events.at(40, "a", 1.0));
            assertEquals(List.of("a 100.0 2 EVENT"), rows(kernel));
        }
    }

    /** Clock 90, reach 70: forgotten at 160, and only then. */
    @ParameterizedTest
    @EnumSource
    void theClockOfAnEmptyKeyIsKeptUntilTheWatermarkIsAFullReachPastIt(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 1.0));
            kernel.processingTime(1000);
            kernel.watermark(159_999);
            assertEquals(List.of("a 25.0 1 EVENT", "a 90.0 0 EXPIRY"), rows(kernel));
            assertEquals(1, kernel.keys());
            kernel.event(Events.at(29, "a", 1.0));
            assertEquals(1, kernel.takeLate().size());
            kernel.processingTime(2000);
            kernel.watermark(160_000);
            assertEquals(0, kernel.keys());
            assertEquals(0, kernel.timers());
            assertEquals(List.of(), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aKeyWhoseEmptyRowIsHeldBackIsNotForgottenBeforeItIsWritten(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 1.0));
            rows(kernel);
            kernel.watermark(500_000);
            kernel.watermark(500_001);
            assertEquals(List.of(), rows(kernel));
            assertEquals(1, kernel.keys());
            kernel.processingTime(250);
            assertEquals(List.of("a 90.0 0 EXPIRY"), rows(kernel));
            kernel.watermark(500_002);
            assertEquals(0, kernel.keys());
        }
    }

    @ParameterizedTest
    @EnumSource
    void theLastWatermarkOfABoundedSourceChangesNothing(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 1.0));
            kernel.processingTime(1000);
            rows(kernel);
            kernel.watermark(Long.MAX_VALUE);
            kernel.processingTime(2000);
            assertEquals(List.of(), rows(kernel));
            kernel.checkpoint();
            kernel.restore();
            kernel.watermark(90_000);
            assertEquals(List.of("a 90.0 0 EXPIRY"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRestoredKeyKeepsItsClockThoughTheWatermarkStartsAnew(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 1.0));
            kernel.processingTime(1000);
            kernel.watermark(95_000);
            kernel.checkpoint();
            rows(kernel);
            kernel.restore();
            kernel.processingTime(2000);
            kernel.watermark(30_000);
            kernel.event(Events.at(26, "a", 1.0));
            assertEquals(1, kernel.takeLate().size());
            kernel.event(Events.at(80, "a", 1.0));
            assertEquals(List.of("a 90.0 1 EVENT"), rows(kernel));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aKeyHasOneTimerHoweverManyEventsItHas(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan(1, 2, 7), backend)) {
            for (int i = 0; i < 300; i++) {
                kernel.event(Events.at(1000 + i * 7919 % 600, "a", 1.0));
            }
            assertEquals(1, kernel.timers());
            for (int watermark = 1000; watermark < 3000; watermark += 13) {
                kernel.watermark(watermark * 1000L);
                kernel.processingTime(watermark * 1000L);
                assertTrue(kernel.timers() <= 1);
            }
            assertEquals(0, kernel.keys());
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSavepointOfAnotherLayoutIsRefused(Backend backend) throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            kernel.event(Events.at(25, "a", 1.0));
            kernel.checkpoint();
            Throwable refused = assertThrows(Exception.class, () -> kernel.restoreWith(plan(1, 5)));
            StringBuilder story = new StringBuilder();
            for (Throwable e = refused; e != null; e = e.getCause()) {
                story.append(e.getMessage()).append('\n');
            }
            assertTrue(story.toString().contains("must not be incompatible"), story.toString());
            kernel.restoreWith(PLAN);
        }
    }

    @ParameterizedTest
    @EnumSource
    void keysMoveWithTheirClocksAndTimersWhenTheParallelismChanges(Backend backend) throws Exception {
        OperatorSubtaskState saved;
        try (KernelDriver kernel = new KernelDriver(PLAN, backend)) {
            for (int user = 0; user < 50; user++) {
                kernel.event(Events.at(25, "user" + user, 1.0));
            }
            saved = kernel.checkpoint();
        }
        Set<String> expired = new HashSet<>();
        for (int subtask = 0; subtask < 2; subtask++) {
            OperatorSubtaskState part =
                    AbstractStreamOperatorTestHarness.repartitionOperatorState(saved, 128, 1, 2, subtask);
            try (KernelDriver kernel = new KernelDriver(PLAN, backend, subtask, 2, part)) {
                kernel.processingTime(1000);
                kernel.watermark(90_000);
                Row.of(PLAN, kernel.takeRecords()).forEach(row -> {
                    assertEquals(90.0, row.clock());
                    expired.add(row.user());
                });
            }
        }
        assertEquals(50, expired.size());
    }

    private static List<String> rows(KernelDriver kernel) {
        return Row.of(PLAN, kernel.takeRecords()).stream().map(Row::brief).toList();
    }

    private static Row row(KernelDriver kernel) {
        List<Row> rows = Row.of(PLAN, kernel.takeRecords());
        assertEquals(1, rows.size());
        return rows.get(0);
    }

    private static Plan plan(int... minutes) {
        PlanBuilder plan = new PlanBuilder().column("amount", "double", false);
        for (int m : minutes) {
            plan.window(m + "m", Duration.ofMinutes(m), Duration.ofSeconds(10))
                    .feature("sum", 0, "double")
                    .feature("max", 0, "double");
        }
        return plan.build();
    }
}
