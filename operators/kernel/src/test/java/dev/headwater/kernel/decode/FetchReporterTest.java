package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.MetricName;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.metrics.Gauge;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.metrics.MetricConfig;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.metrics.Metrics;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.utils.Time;
import org.junit.jupiter.api.Test;

class FetchReporterTest {
    private static final String CLIENT = "fetch-reporter-test-0";

    @Test
    void aPartitionHasEndedOnceTheClientHasHeardThatNothingIsLeftOfIt() {
        try (Metrics client = client(CLIENT)) {
            assertEquals(new Fetches(1, 0, Set.of(), Set.of()), FetchReporter.of(CLIENT));
            add(client, "fetch-total", Map.of(), 3.0);
            add(client, "preferred-read-replica", partition(0), -1);
            add(client, "preferred-read-replica", partition(1), -1);
            add(client, "records-lag", partition(0), 7.0);
            assertEquals(new Fetches(1, 3, Set.of(0, 1), Set.of()), FetchReporter.of(CLIENT));
            add(client, "records-lag", partition(1), 0.0);
            assertEquals(Set.of(1), FetchReporter.of(CLIENT).ended());
            client.removeMetric(name("preferred-read-replica", partition(1)));
            client.removeMetric(name("records-lag", partition(1)));
            assertEquals(new Fetches(1, 3, Set.of(0), Set.of()), FetchReporter.of(CLIENT));
        }
        assertEquals(Fetches.NONE, FetchReporter.of(CLIENT));
    }

    @Test
    void otherClientsSayNothingOfThisOne() {
        try (Metrics other = client("fetch-reporter-test-1")) {
            add(other, "records-lag", partition(0), 0.0);
            assertEquals(Fetches.NONE, FetchReporter.of(CLIENT));
        }
    }

    private static Metrics client(String id) {
        FetchReporter reporter = new FetchReporter();
        reporter.configure(Map.of("client.id", id));
        return new Metrics(new MetricConfig(), List.of(reporter), Time.SYSTEM);
    }

    private static void add(Metrics client, String name, Map<String, String> tags, Number value) {
        client.addMetric(name(name, tags), (Gauge<Number>) (config, nowMs) -> value);
    }

    private static Map<String, String> partition(int partition) {
        return Map.of("topic", "t", "partition", String.valueOf(partition));
    }

    private static MetricName name(String name, Map<String, String> tags) {
        return new MetricName(name, "consumer-fetch-manager-metrics", "", tags);
    }
}
