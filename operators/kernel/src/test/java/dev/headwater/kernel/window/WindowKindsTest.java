package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.plan.Plan;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** One count of events over one window; times in seconds. */
class WindowKindsTest {
    private static final long S = 1_000_000;
    private static final Duration STEP = Duration.ofSeconds(1);

    /** A key of a view, and what its window says when it is read. */
    private static final class OneKey {
        private final ViewWindows windows;
        private final WindowScan scan;
        private final KeyState state;

        OneKey(PlanBuilder builder) {
            Plan plan = builder.feature("count", null, "long").build();
            CellLayout layout = new CellLayout(plan);
            windows = new ViewWindows(plan, layout);
            scan = new WindowScan(plan, windows, layout);
            state = windows.newState();
        }

        OneKey events(double... seconds) {
            for (double second : seconds) {
                windows.add(state, Events.at(second, "a"), Long.MIN_VALUE);
            }
            return this;
        }

        OneKey watermark(double second) {
            windows.advance(state, Math.round(second * S));
            return this;
        }

        /** The clock, the count, the next change and when it is empty; - for never. */
        String read() {
            scan.scan(state);
            return state.clockUs / 1e6 + " " + scan.values().number(0) + " "
                    + time(scan.nextChangeUs(0)) + " " + time(scan.emptyAtUs(0));
        }

        private static String time(long us) {
            return us == WindowScan.NEVER ? "-" : String.valueOf(us / S);
        }
    }

    private static PlanBuilder offset() {
        return new PlanBuilder().offsetWindow("w", Duration.ofSeconds(10), Duration.ofSeconds(3), STEP);
    }

    private static PlanBuilder session() {
        return new PlanBuilder().session("w", Duration.ofSeconds(3), Duration.ofSeconds(20), STEP);
    }

    /**
     * Ten seconds, three seconds ago:
     *
     * <pre>
     *   event   5.5           9               19
     *   |--------o------------|~~~~ inside ~~~|-----> clock
     * </pre>
     */
    @Test
    void anEventEntersAnOffsetWindowAndLeavesItByTheWatermarkAlone() {
        OneKey key = new OneKey(offset()).events(5.5);
        assertEquals("5.5 0 9 19", key.read());
        assertEquals("5.5 0 9 19", key.watermark(8.999).read());
        assertEquals("9.0 1 19 19", key.watermark(9).read());
        assertEquals("19.0 0 - -", key.watermark(100).read());
        assertTrue(key.state.isEmpty());
    }

    /**
     * <pre>
     *            1     4     7
     *   |--------o-----x-----o---|    x comes last of all, and bridges
     * </pre>
     */
    @Test
    void aLateEventJoinsTwoSessions() {
        OneKey key = new OneKey(session()).events(1, 7);
        assertEquals("7.0 1 11 11", key.read());
        assertEquals("7.0 3 11 11", key.events(4).read());
    }

    @Test
    void aSessionIsOverWhenItsGapHasPassed() {
        OneKey key = new OneKey(session()).events(1, 3);
        assertEquals("5.0 2 7 7", key.watermark(6.999).read());
        assertEquals("7.0 0 - -", key.watermark(7).read());
    }

    /** The step of 1.9 closes at 2 + 3. */
    @Test
    void aPauseOfTheGapIsNoneButOneOfAStepMoreIs() {
        assertEquals("4.9 2 8 8", new OneKey(session()).events(1.9, 4.9).read());
        assertEquals("5.0 1 9 9", new OneKey(session()).events(1.9, 5).read());
    }

    /** An event every two seconds since 0: at 30 those from 10 on. */
    @Test
    void aSessionLooksBackNoFurtherThanItMayLast() {
        OneKey key = new OneKey(session());
        for (int second = 0; second <= 30; second += 2) {
            key.events(second);
        }
        assertEquals("30.0 11 31 34", key.read());
    }

    @Test
    void aLifetimeIsNeverEmptyAgainAndItsPastTakesFewTiles() {
        OneKey key = new OneKey(new PlanBuilder().lifetime("w"));
        for (int event = 0; event < 10_000; event++) {
            key.events(event * 1000.0);
        }
        assertEquals("9999000.0 10000 - " + WindowScan.END_OF_TIME_US / S, key.watermark(1e9).read());
        assertEquals(1, key.state.end - key.state.first);
    }

    /** Beside a window of a minute, whose seconds stay apart, the past of a lifetime is kept in tiles that double. */
    @Test
    void besideAnotherWindowTheTilesOfALifetimeDouble() {
        OneKey key = new OneKey(new PlanBuilder().lifetime("w").window("1m", Duration.ofMinutes(1), STEP));
        for (int second = 0; second < 100_000; second++) {
            key.events(second);
        }
        key.scan.scan(key.state);
        assertTrue(key.state.end - key.state.first < 200, "tiles: " + (key.state.end - key.state.first));
        assertEquals(61, key.scan.values().number(0));
    }
}
