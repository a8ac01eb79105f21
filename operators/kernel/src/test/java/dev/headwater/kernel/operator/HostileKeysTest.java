package dev.headwater.kernel.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.harness.Row;
import dev.headwater.kernel.plan.Plan;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Keys that are far from evenly spread: very many that come once, and one that comes all the time. */
class HostileKeysTest {
    /** Ten million, in half a gigabyte: {@code HEADWATER_HOSTILE_KEYS=10000000}. */
    private static final int KEYS =
            Integer.parseInt(System.getenv().getOrDefault("HEADWATER_HOSTILE_KEYS", "100000"));

    private static final int KEYS_PER_SECOND = 1000;
    private static final int REACH_SECONDS = 11;

    private static final Plan PLAN = new PlanBuilder()
            .column("amount", "double", false)
            .window("10s", Duration.ofSeconds(10), Duration.ofSeconds(1))
            .feature("count", null, "long")
            .feature("sum", 0, "double")
            .build();

    /**
     * A key's event leaves up to a reach after it came, and its clock is kept for one reach more:
     *
     * <pre>
     *   event   |--- in the window ---|--- clock alone ---| nothing
     *           0                   ~11 s               ~22 s
     * </pre>
     */
    @Test
    void ofKeysThatComeOnceThereIsStateForNoMoreThanTheLastTwoReaches() throws Exception {
        int most = KEYS_PER_SECOND * (2 * REACH_SECONDS + 2);
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.discardRecords();
            for (int key = 0; key < KEYS; key++) {
                kernel.event(Events.at((double) key / KEYS_PER_SECOND, "key" + key, 1.0));
                if (key % KEYS_PER_SECOND == 0) {
                    kernel.processingTime(key * 1000L / KEYS_PER_SECOND);
                    kernel.watermark(key * 1000L / KEYS_PER_SECOND);
                }
                if (key % (KEYS_PER_SECOND * 10) == 0) {
                    assertTrue(kernel.keys() <= most, "keys: " + kernel.keys());
                    assertTrue(kernel.timers() <= most, "timers: " + kernel.timers());
                }
            }
            long end = KEYS * 1000L / KEYS_PER_SECOND;
            kernel.watermark(end + REACH_SECONDS * 1000L);
            // A key is not forgotten before its last row has been written.
            kernel.processingTime(end + 1000);
            kernel.watermark(end + 3 * REACH_SECONDS * 1000L);
            assertEquals(0, kernel.keys());
            assertEquals(0, kernel.timers());
            // Of each key a row with its event, and one without.
            assertTrue(kernel.discarded() >= 2L * KEYS, "records: " + kernel.discarded());
        }
    }

    /** Three of ten events are of one key, 30 a second; it writes five rows a second, as any busy key does. */
    @Test
    void aKeyWithThreeOfTenEventsIsCountedExactlyAndWritesNoMoreRowsThanItsIntervalsAllow() throws Exception {
        int seconds = 60;
        int perSecond = 100;
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            for (int event = 0; event < seconds * perSecond; event++) {
                double at = (double) event / perSecond;
                String user = event % 10 < 3 ? "hot" : "key" + event % 5000;
                kernel.event(Events.at(at, user, 1.0));
                kernel.processingTime(Math.round(at * 1000));
            }
            kernel.processingTime(seconds * 1000L + 1000);
            List<Row> rows = Row.of(PLAN, kernel.takeRecords()).stream()
                    .filter(row -> row.user().equals("hot"))
                    .toList();
            assertTrue(rows.size() <= seconds * 5 + 2, "rows: " + rows.size());
            Row last = rows.get(rows.size() - 1);
            // The clock is 59.92: from 49 on, of each ten events three.
            assertEquals(59.92, last.clock());
            assertEquals(330L, last.feature(0));
            assertEquals(330.0, last.feature(1));
        }
    }
}
