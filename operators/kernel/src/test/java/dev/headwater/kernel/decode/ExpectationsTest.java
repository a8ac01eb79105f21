package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.plan.PlanException;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ExpectationsTest {
    private FakeRegistry registry;

    @BeforeEach
    void start() throws Exception {
        registry = new FakeRegistry().with(1, Events.WRITER);
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void anEventThatIsOnlyCountedStillCounts() throws Exception {
        EventDeserializer deserializer = expecting(condition("small", "count", "amount < 10.0"));
        assertTrue(Events.decode(deserializer, framed("amount", 12.5)).isEvent());
        assertTrue(Events.decode(deserializer, framed("amount", 2.5)).isEvent());
        assertArrayEquals(new long[] {2, 1}, deserializer.expectations().counts("small"));
    }

    @Test
    void aNullMeetsAnExpectation() throws Exception {
        EventDeserializer deserializer = expecting(condition("small", "dead_letter", "amount < 10.0"));
        assertTrue(Events.decode(deserializer, framed("amount", null)).isEvent());
    }

    @Test
    void aLetterNamesAllThatRefuseItsEventAndAllAreCounted() throws Exception {
        EventDeserializer deserializer = expecting(
                condition("small", "dead_letter", "amount < 10.0"),
                condition("seen", "count", "amount < 11.0"),
                condition("even", "dead_letter", "amount == 12.0"));
        DeadLetter letter = Events.reject(deserializer, framed("amount", 12.5));
        assertEquals(Reason.EXPECTATION_FAILED, letter.reason());
        assertEquals(
                "not met: small, even (small expects amount < 10.0; even expects amount == 12.0)", letter.detail());
        assertNotNull(letter.entityKey());
        assertEquals(Events.NOW_MS * 1000, letter.eventTimeUs());
        for (String name : new String[] {"small", "seen", "even"}) {
            assertArrayEquals(new long[] {1, 1}, deserializer.expectations().counts(name));
        }
    }

    @Test
    void theJobStopsAtTheRecordEachTimeAndSaysWhichAndWhy() throws Exception {
        EventDeserializer deserializer = expecting(
                condition("great", "dead_letter", "amount > 13.0"), condition("small", "stop", "amount < 10.0"));
        for (int attempt = 0; attempt < 2; attempt++) {
            String message = assertThrows(
                            ExpectationException.class, () -> Events.decode(deserializer, framed("amount", 12.5)))
                    .getMessage();
            assertTrue(message.contains("stops at shop.purchases-3@17: not met: small (small expects"), message);
        }
        assertTrue(Events.decode(deserializer, framed("amount", null)).isEvent());
    }

    @Test
    void anEventIsFreshUpToTheMillisecond() throws Exception {
        EventDeserializer deserializer =
                expecting(expectation("fresh", "dead_letter").put("fresh_within_ms", 60_000));
        assertTrue(Events.decode(deserializer, framed("purchased_at", Events.NOW_MS - 60_000)).isEvent());
        assertTrue(Events.decode(deserializer, framed("purchased_at", Events.NOW_MS + 1)).isEvent());
        assertFalse(Events.decode(deserializer, framed("purchased_at", Events.NOW_MS - 60_001)).isEvent());
    }

    @Test
    void aConditionThatFailsIsNotMetAndDoesNotRejectAnEventThatIsOnlyCounted() throws Exception {
        String dividing = "1 / (amount > 10.0 ? 0 : 1) == 1";
        EventDeserializer deserializer = expecting(condition("dividing", "count", dividing));
        assertTrue(Events.decode(deserializer, framed("amount", 12.5)).isEvent());
        assertArrayEquals(new long[] {1, 1}, deserializer.expectations().counts("dividing"));
    }

    @Test
    void eachExpectationHasTwoMetricsUnderItsName() throws Exception {
        Map<String, Counter> metrics = new HashMap<>();
        EventDeserializer deserializer = expecting(condition("small", "count", "amount < 10.0"));
        deserializer.expectations().register(new Recorded("", metrics));
        Events.decode(deserializer, framed("amount", 12.5));
        assertEquals(1, metrics.get(".expectation=small.checks").getCount());
        assertEquals(1, metrics.get(".expectation=small.failures").getCount());
    }

    @Test
    void anExpectationOfNothingIsNoPlan() {
        assertThrows(PlanException.class, () -> expecting(expectation("empty", "count")));
    }

    private EventDeserializer expecting(ObjectNode... expectations) throws Exception {
        ObjectNode plan = (ObjectNode) new ObjectMapper().readTree(Events.planJson());
        ObjectNode source = (ObjectNode) plan.get("sources").get(0);
        ArrayNode variables = source.putArray("variables");
        variables.addObject().put("name", "amount").put("type", "double").put("nullable", true).putArray("path").add("amount");
        ArrayNode declared = source.putArray("expectations");
        for (ObjectNode expectation : expectations) {
            declared.add(expectation);
        }
        String deployment = "{\"registry_url\":\"" + registry.url()
                + "\",\"unknown_schema_wait_ms\":0,\"dead_letter_cap_bytes\":262144}";
        EventDeserializer deserializer = new EventDeserializer(plan.toString(), 0, deployment);
        deserializer.open(registry.client(0), new SimpleCounter());
        return deserializer;
    }

    private static ObjectNode expectation(String name, String action) {
        return new ObjectMapper().createObjectNode().put("name", name).put("action", action);
    }

    private static ObjectNode condition(String name, String action, String cel) {
        return expectation(name, action).put("cel", cel);
    }

    private static byte[] framed(String field, Object value) {
        GenericRecord purchase = Events.purchase(field, value);
        return Events.frame(1, purchase);
    }

    /** Keeps counters by the names of the groups that they are in. */
    private static final class Recorded extends UnregisteredMetricsGroup {
        private final String scope;
        private final Map<String, Counter> into;

        Recorded(String scope, Map<String, Counter> into) {
            this.scope = scope;
            this.into = into;
        }

        @Override
        public MetricGroup addGroup(String key, String value) {
            return new Recorded(scope + "." + key + "=" + value, into);
        }

        @Override
        public <C extends Counter> C counter(String name, C counter) {
            into.put(scope + "." + name, counter);
            return counter;
        }
    }
}
