package dev.headwater.kernel.aggregate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.harness.Row;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Values of one window of a minute, from events that fall into several of its tiles. */
class AggregatesTest {
    @Test
    void aSumOfDoublesKeepsWhatRoundingWouldLose() throws Exception {
        Plan plan = over("double", true, "sum", "double", "mean", "double");
        Row row = row(plan, at(1, 1e16), at(2, 1.0), at(3, -1e16), at(4, null));
        assertEquals(1.0, row.feature(0));
        assertEquals(1.0 / 3, row.feature(1));
    }

    @Test
    void aSumOfIntsIsExactBeyondDoubles() throws Exception {
        Plan plan = over("long", false, "sum", "long", "mean", "double", "stddev", "double");
        long big = (1L << 53) + 1;
        assertEquals(big + 2, row(plan, at(1, big), at(2, 1L), at(3, 1L)).feature(0));
        Row small = row(plan, at(1, 1L), at(2, 3L));
        assertEquals(2.0, small.feature(1));
        assertEquals(1.0, small.feature(2));
    }

    @Test
    void aSumPastTheGreatestDoubleIsInfiniteAndNotNotANumber() throws Exception {
        Plan plan = over("double", false, "sum", "double");
        assertEquals(Double.POSITIVE_INFINITY, row(plan, at(1, 1.7e308), at(2, 1.7e308), at(3, 1.0)).feature(0));
    }

    @Test
    void theDeviationOfLargeValuesThatLieCloseIsStable() throws Exception {
        Plan plan = over("double", false, "stddev", "double");
        Row row = row(plan, at(1, 1e9), at(1.5, 1e9 + 1), at(7, 1e9 + 2), at(30, 1e9 + 3));
        assertEquals(Math.sqrt(1.25), (Double) row.feature(0), 1e-9);
        assertEquals(0.0, row(plan, at(1, 5.5)).feature(0));
    }

    @Test
    void extremesOrderNegativeZeroBelowZeroAndKeepLongsExact() throws Exception {
        Plan decimals = over("double", true, "min", "double", "max", "double");
        Row row = row(decimals, at(1, 0.0), at(2, -0.0), at(3, null));
        assertEquals(-0.0, row.feature(0));
        assertEquals(0.0, row.feature(1));
        Row negative = row(decimals, at(1, -5.0), at(2, -7.5));
        assertEquals(-7.5, negative.feature(0));
        assertEquals(-5.0, negative.feature(1));

        Plan longs = over("long", false, "min", "long", "max", "long");
        Row extremes = row(longs, at(1, Long.MAX_VALUE), at(2, Long.MIN_VALUE));
        assertEquals(Long.MIN_VALUE, extremes.feature(0));
        assertEquals(Long.MAX_VALUE, extremes.feature(1));
        assertEquals(Long.MAX_VALUE, row(longs, at(1, Long.MAX_VALUE)).feature(0));
        assertEquals(Long.MIN_VALUE, row(longs, at(1, Long.MIN_VALUE)).feature(1));
    }

    /** Ties of event time go by source, then partition, then offset; nulls do not compete. */
    @Test
    void firstAndLastFollowTheEventsOrderAndNotTheArrivals() throws Exception {
        Plan plan = over("string", true, "first", "string", "last", "string", "count", "long");
        Row row = row(
                plan,
                Events.positioned(5, "a", 0, 1, 4, "e"),
                Events.positioned(5, "a", 0, 1, 3, "d"),
                Events.positioned(5, "a", 0, 0, 9, "c"),
                Events.positioned(9, "a", 0, 0, 1, new Object[] {null}),
                Events.positioned(2, "a", 1, 0, 0, "b"),
                Events.positioned(2, "a", 0, 7, 0, "a"),
                Events.positioned(1, "a", 0, 0, 0, new Object[] {null}),
                Events.positioned(5, "a", 1, 0, 0, "f"));
        assertEquals("a", row.feature(0));
        assertEquals("f", row.feature(1));
        assertEquals(6L, row.feature(2));
    }

    @Test
    void booleansHaveAFirstAndALast() throws Exception {
        Plan plan = over("boolean", false, "first", "boolean", "last", "boolean");
        Row row = row(plan, at(2, true), at(1, false));
        assertEquals(false, row.feature(0));
        assertEquals(true, row.feature(1));
    }

    @Test
    void withoutValuesCountsAndSumsAreZeroAndAllElseIsNull() throws Exception {
        Plan plan = over(
                "double", true, "count", "long", "sum", "double", "mean", "double", "min", "double", "max", "double",
                "stddev", "double", "first", "double", "last", "double");
        Row row = row(plan, at(1, null), at(2, null));
        assertEquals(2, row.n());
        assertEquals(0L, row.feature(0));
        assertEquals(0.0, row.feature(1));
        for (int feature = 2; feature < 8; feature++) {
            assertNull(row.feature(feature));
        }
    }

    @Test
    void aViewHasOnlyTheCellsThatItsFeaturesNeed() {
        assertEquals("cells ", new CellLayout(over("double", false, "count", "long")).fingerprint());
        assertEquals(2, new CellLayout(over("double", false, "count", "long")).stride());
        assertEquals(
                "cells sum of value (DOUBLE)",
                new CellLayout(over("double", false, "mean", "double", "sum", "double")).fingerprint());
        assertEquals(
                "cells count of value (LONG or null), exact sum of value (LONG or null), "
                        + "squared deviations of value (LONG or null)",
                new CellLayout(over("long", true, "mean", "double", "sum", "long", "stddev", "double")).fingerprint());
    }

    @Test
    void anAggregateThatTheKernelLacksIsNamed() {
        assertTrue(refusal(over("double", false, "median", "double")).contains("median"));
        assertTrue(refusal(over("string", false, "min", "string")).contains("numbers"));
        assertTrue(refusal(over("double", false, "sum", "long")).contains("long column"));
        assertTrue(refusal(over("double", false, "mean", "long")).contains("gives double"));
    }

    private static String refusal(Plan plan) {
        return assertThrows(PlanException.class, () -> new CellLayout(plan)).getMessage();
    }

    private static Plan over(String type, boolean nullable, String... aggregatesAndTypes) {
        PlanBuilder plan = new PlanBuilder()
                .column("value", type, nullable)
                .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(1));
        for (int i = 0; i < aggregatesAndTypes.length; i += 2) {
            plan.feature(aggregatesAndTypes[i], 0, aggregatesAndTypes[i + 1]);
        }
        return plan.build();
    }

    private static Event at(double seconds, Object value) {
        return Events.at(seconds, "a", new Object[] {value});
    }

    private static Row row(Plan plan, Event... events) throws Exception {
        try (KernelDriver kernel = new KernelDriver(plan)) {
            for (Event event : events) {
                kernel.event(event);
            }
            kernel.finish();
            List<Row> rows = Row.of(plan, kernel.takeRecords());
            return rows.get(rows.size() - 1);
        }
    }
}
