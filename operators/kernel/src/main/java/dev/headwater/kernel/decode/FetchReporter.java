package dev.headwater.kernel.decode;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.metrics.MetricsReporter;

/**
 * Looks at the metrics of Kafka clients that name it in {@code metric.reporters}. Flink's source shows neither its client
 * nor which partitions a subtask has, and its own metrics leave out a partition that was never answered for.
 */
public final class FetchReporter implements MetricsReporter {
    private static final String GROUP = "consumer-fetch-manager-metrics";
    private static final String PARTITION = "partition";
    private static final Map<FetchReporter, String> CLIENT_IDS = new ConcurrentHashMap<>();

    /** Made by the client once it is to fetch a partition. */
    private static final String ASSIGNED = "preferred-read-replica";
    /** Made by the client with the first answer for a partition: records below the last stable offset, not read yet. */
    private static final String LAG = "records-lag";
    private static final String RESPONSES = "fetch-total";

    private final Set<Integer> assigned = ConcurrentHashMap.newKeySet();
    private final Map<Integer, KafkaMetric> lags = new ConcurrentHashMap<>();
    private volatile KafkaMetric responses;

    /** What all clients of this id in this process have heard: more than one while one takes another's place. */
    static Fetches of(String clientId) {
        int clients = 0;
        long responses = 0;
        Set<Integer> assigned = new HashSet<>();
        Set<Integer> ended = new HashSet<>();
        for (Map.Entry<FetchReporter, String> each : CLIENT_IDS.entrySet()) {
            if (each.getValue().equals(clientId)) {
                FetchReporter client = each.getKey();
                clients++;
                responses += client.responses == null ? 0 : value(client.responses);
                assigned.addAll(client.assigned);
                client.lags.forEach((partition, lag) -> {
                    if (value(lag) == 0) {
                        ended.add(partition);
                    }
                });
            }
        }
        return clients == 0 ? Fetches.NONE : new Fetches(clients, responses, assigned, ended);
    }

    @Override
    public void configure(Map<String, ?> properties) {
        CLIENT_IDS.put(this, String.valueOf(properties.get(ConsumerConfig.CLIENT_ID_CONFIG)));
    }

    @Override
    public void init(List<KafkaMetric> metrics) {
        metrics.forEach(this::metricChange);
    }

    @Override
    public void metricChange(KafkaMetric metric) {
        if (metric.metricName().group().equals(GROUP)) {
            switch (metric.metricName().name()) {
                case ASSIGNED -> assigned.add(partition(metric));
                case LAG -> lags.put(partition(metric), metric);
                case RESPONSES -> responses = metric;
                default -> { }
            }
        }
    }

    @Override
    public void metricRemoval(KafkaMetric metric) {
        if (metric.metricName().group().equals(GROUP)) {
            switch (metric.metricName().name()) {
                case ASSIGNED -> assigned.remove(partition(metric));
                case LAG -> lags.remove(partition(metric));
                default -> { }
            }
        }
    }

    @Override
    public void close() {
        CLIENT_IDS.remove(this);
    }

    private static int partition(KafkaMetric metric) {
        return Integer.parseInt(metric.metricName().tags().get(PARTITION));
    }

    private static long value(KafkaMetric metric) {
        return ((Number) metric.metricValue()).longValue();
    }
}
