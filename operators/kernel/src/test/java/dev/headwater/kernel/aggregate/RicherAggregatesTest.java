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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Values of one window of a minute, from events that fall into several of its tiles. */
class RicherAggregatesTest {
    @Test
    void aSampleVarianceNeedsTwoValues() throws Exception {
        PlanBuilder plan = over("double").feature("variance", 0, "double").feature("variance", 0, "double");
        plan.feature("stddev", 0, "double");
        Plan built = withSample(plan.build(), 1);
        Row two = row(built, at(1, 2.0), at(2, null), at(3, 4.0));
        assertEquals(List.of(1.0, 2.0, 1.0), features(two, 3));
        Row one = row(built, at(1, 2.0));
        assertEquals(0.0, one.feature(0));
        assertNull(one.feature(1));
    }

    /** Of 0, 0, 0, 4: mean 1, second to fourth moments 3, 6, 21. */
    @Test
    void higherMomentsAreThoseOfThePopulation() throws Exception {
        Plan plan = over("double")
                .feature("skewness", 0, "double")
                .feature("kurtosis", 0, "double")
                .build();
        Row row = row(plan, at(1, 0.0), at(20, 4.0), at(2, 0.0), at(40, 0.0));
        assertEquals(6 / Math.pow(3, 1.5), (Double) row.feature(0), 1e-12);
        assertEquals(21.0 / 9 - 3, (Double) row.feature(1), 1e-12);
        Row alike = row(plan, at(1, 0.1), at(2, 0.1), at(30, 0.1));
        assertNull(alike.feature(0));
        assertNull(alike.feature(1));
    }

    @Test
    void listsAreInTheEventsOrderAndHaveNoNulls() throws Exception {
        Plan plan = over("string")
                .feature("first_n", 0, "array<string>").with("limit", 2)
                .feature("last_n", 0, "array<string>").with("limit", 3)
                .feature("last_n_distinct", 0, "array<string>").with("limit", 2)
                .build();
        Row row = row(plan, at(9, "c"), at(1, "a"), at(5, null), at(8, "b"), at(7, "c"), at(10, "c"));
        assertEquals(List.of("a", "c"), row.feature(0));
        assertEquals(List.of("b", "c", "c"), row.feature(1));
        assertEquals(List.of("b", "c"), row.feature(2));
    }

    /** The ids are bytes without a sign: 0x80 comes after 0x7f; source and offset decide only between equal ids. */
    @Test
    void whereEventsHaveIdsTheseDecideBetweenEventsOfOneTime() throws Exception {
        Plan plain = over("string").feature("first", 0, "string").feature("last", 0, "string").build();
        Plan plan = Plan.parse(plain.json().replace("\"key\":", "\"event_id\":[{\"path\":[\"id\"]}],\"key\":"));
        Row row = row(
                plan,
                withId(at(5, "middle"), 0x7f),
                withId(at(5, "last"), 0x80),
                withId(at(5, "first"), 0x01));
        assertEquals(List.of("first", "last"), features(row, 2));
    }

    @Test
    void distinctValuesAreCountedExactlyUpToTheLimitAndEstimatedBeyond() throws Exception {
        Plan plan = over("double").feature("distinct", 0, "long").with("limit", 3).with("precision", 12).build();
        assertEquals(0L, row(plan, at(1, null)).feature(0));
        assertEquals(2L, row(plan, at(1, 0.0), at(20, -0.0), at(3, 5.0)).feature(0));
        List<Event> many = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            many.add(at(i % 50, (double) (i % 500)));
        }
        assertEquals(500, (Long) row(plan, many.toArray(new Event[0])).feature(0), 50);
    }

    @Test
    void aQuantileIsTheLeastValueThatTheFractionDoesNotExceed() throws Exception {
        Plan plan = over("long")
                .feature("quantile", 0, "double").with("fraction", 0.5)
                .feature("quantile", 0, "double").with("fraction", 0.51)
                .feature("quantile_sketch", 0, "bytes")
                .build();
        Row row = row(plan, at(1, 10L), at(30, 20L), at(2, 30L), at(3, 40L));
        assertEquals(List.of(20.0, 30.0), features(row, 2));
        assertNull(row(plan, at(1, null)).feature(2));
    }

    @Test
    void theHeaviestAreChosenAndWeightsOfDecimalsAddUpExactly() throws Exception {
        Plan plan = over("string")
                .column("weight", "double", true)
                .feature("top_k", 0, "map<long>").with("limit", 2)
                .feature("top_k", 0, "map<double>").with("limit", 2).with("weight", 1).with("weight_scale", 1)
                .build();
        Row row = row(
                plan, at(1, "b", 0.1), at(20, "a", 0.1), at(3, "c", -9.0), at(4, "a", 0.1), at(5, "b", null), at(6, "b", 0.2));
        assertEquals(Map.of("b", 3L, "a", 2L), row.feature(0));
        assertEquals(Map.of("b", 0.3, "a", 0.2), row.feature(1));
        assertNull(row(plan, at(1, "a", -1.0)).feature(1));
    }

    @Test
    void categoriesBeyondTheLimitAreCountedTogether() throws Exception {
        Plan plan = over("long").feature("counts", 0, "map<long>").with("limit", 2).build();
        assertEquals(Map.of("7", 2L, "-1", 1L), row(plan, at(1, 7L), at(2, -1L), at(30, 7L)).feature(0));
        Row row = row(plan, at(1, 1L), at(2, 2L), at(30, 3L), at(31, 4L), at(32, 4L));
        Map<?, ?> counts = (Map<?, ?>) row.feature(0);
        assertEquals(3, counts.size());
        assertEquals(5L, counts.values().stream().mapToLong(count -> (Long) count).sum());
        assertTrue(counts.containsKey("__other__"));
    }

    /** Half-life 10 s, clock 30: an event at 10 counts a quarter, one at 20 a half, one at 30 whole. */
    @Test
    void decayedSumsAreAsOfTheClock() throws Exception {
        Plan plan = over("double")
                .feature("decayed_sum", 0, "double").with("half_life_ms", 10_000)
                .feature("decayed_count", null, "double").with("half_life_ms", 10_000)
                .build();
        Row row = row(plan, at(30, 1.0), at(10, 8.0), at(20, 4.0), at(20, null));
        assertEquals(5.0, (Double) row.feature(0), 1e-12);
        assertEquals(2.25, (Double) row.feature(1), 1e-12);
        assertEquals(0.0, row(plan, at(1, null)).feature(0));
    }

    @Test
    void vectorsAreSummedElementByElement() throws Exception {
        Plan plan = new PlanBuilder()
                .vector("place", 2)
                .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(1))
                .feature("vector_sum", 0, "array<double>")
                .feature("vector_mean", 0, "array<double>")
                .feature("vector_decayed_mean", 0, "array<double>").with("half_life_ms", 10_000)
                .build();
        Row row = row(plan, at(30, new double[] {1, 4}), at(20, new double[] {4, 1}), at(25, null));
        assertEquals(List.of(5.0, 5.0), row.feature(0));
        assertEquals(List.of(2.5, 2.5), row.feature(1));
        assertEquals(List.of(2.0, 3.0), row.feature(2));
        assertNull(row(plan, at(1, null)).feature(1));
    }

    @Test
    void ratiosAndDifferencesAreMadeOfOtherFeaturesInAnyOrder() throws Exception {
        Plan plan = over("double")
                .derived("ratio", 1, 2)
                .derived("difference", 2, 3)
                .feature("sum", 0, "double")
                .feature("count", 0, "long")
                .build();
        Row row = row(plan, at(1, 3.0), at(2, 5.0));
        assertEquals(List.of(6.0 / 8, 6.0), features(row, 2));
        assertNull(row(plan, at(1, null)).feature(0));
    }

    @Test
    void whatThePlanGetsWrongIsNamed() {
        assertTrue(refusal(over("double").feature("first_n", 0, "array<double>")).contains("a limit"));
        assertTrue(refusal(over("double").feature("distinct", 0, "long")).contains("a precision"));
        assertTrue(refusal(over("double").feature("quantile", 0, "double")).contains("a fraction"));
        assertTrue(refusal(over("double").feature("counts", 0, "map<long>")).contains("a column of"));
        assertTrue(refusal(over("double").feature("vector_sum", 0, "array<double>")).contains("vectors"));
        assertTrue(refusal(over("double").feature("decayed_sum", 0, "double")).contains("half-life"));
        assertTrue(refusal(over("double").derived("ratio", 0, 0)).contains("made of itself"));
        assertTrue(refusal(over("string").feature("last", 0, "string").derived("ratio", 0, 0)).contains("a string"));
    }

    private static String refusal(PlanBuilder plan) {
        return assertThrows(PlanException.class, () -> new CellLayout(plan.build())).getMessage();
    }

    private static PlanBuilder over(String type) {
        return new PlanBuilder()
                .column("value", type, true)
                .window("1m", Duration.ofMinutes(1), Duration.ofSeconds(1));
    }

    private static Plan withSample(Plan plan, int feature) {
        String name = "\"name\":\"f" + feature + "\",";
        return Plan.parse(plan.json().replaceFirst(name, name + "\"sample\":true,"));
    }

    private static Event at(double seconds, Object value) {
        return Events.at(seconds, "a", new Object[] {value});
    }

    private static Event at(double seconds, Object value, Double weight) {
        return Events.at(seconds, "a", value, weight);
    }

    private static Event withId(Event event, int id) {
        event.id = new byte[] {(byte) id};
        return event;
    }

    private static List<Object> features(Row row, int count) {
        List<Object> features = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            features.add(row.feature(i));
        }
        return features;
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
