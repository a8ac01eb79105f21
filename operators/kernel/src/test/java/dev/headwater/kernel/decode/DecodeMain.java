package dev.headwater.kernel.decode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.record.TimestampType;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.util.Collector;

/**
 * Lets another language decode records as the kernel does. Standard input is one JSON object:
 * {@code {"plan": {...}, "source": 0, "schemas": {"1": {...}}, "records": [{"value": hex or null, "timestamp_ms": n}]}}.
 * In the answer, {@code {"records": [...], "expectations": {name: [checked, not met]}}}, a record is
 * {@code {"reason": text, "detail": text}}, {@code {"stopped": text}} or {@code {"events": [...]}}; offsets count from 0.
 */
final class DecodeMain {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    private DecodeMain() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode request = JSON.readTree(System.in);
        Plan plan = Plan.parse(request.get("plan").toString());
        ObjectNode whole = JSON.createObjectNode();
        ArrayNode answers = whole.putArray("records");
        try (FakeRegistry registry = new FakeRegistry()) {
            for (Map.Entry<String, JsonNode> schema : request.get("schemas").properties()) {
                registry.with(
                        Integer.parseInt(schema.getKey()),
                        new Schema.Parser().parse(schema.getValue().toString()));
            }
            String deployment = "{\"registry_url\":\"" + registry.url() + "\",\"unknown_schema_wait_ms\":0,\"dead_letter_cap_bytes\":262144}";
            EventDeserializer deserializer =
                    new EventDeserializer(plan.json(), request.get("source").intValue(), deployment);
            deserializer.open(registry.client(0), new SimpleCounter());
            for (JsonNode record : request.get("records")) {
                ConsumerRecord<byte[], byte[]> given = kafka(record, answers.size());
                ObjectNode answer = answers.addObject();
                try {
                    deserializer.deserialize(given, answer(plan, answer));
                } catch (ExpectationException e) {
                    answer.put("stopped", e.getMessage());
                }
            }
            ObjectNode counts = whole.putObject("expectations");
            Plan.Source source = plan.sources().get(request.get("source").intValue());
            for (Plan.Expectation each : source.expectations()) {
                ArrayNode pair = counts.putArray(each.name());
                for (long count : deserializer.expectations().counts(each.name())) {
                    pair.add(count);
                }
            }
        }
        System.out.println(whole);
    }

    private static Collector<Decoded> answer(Plan plan, ObjectNode answer) {
        return new Collector<>() {
            @Override
            public void collect(Decoded decoded) {
                if (decoded.isRejected()) {
                    answer.put("reason", decoded.rejected().reason().text());
                    answer.put("detail", decoded.rejected().detail());
                    return;
                }
                ArrayNode events = answer.withArray("events");
                if (decoded.isEvent()) {
                    add(plan, decoded.event(), events.addObject());
                }
            }

            @Override
            public void close() {}
        };
    }

    private static void add(Plan plan, Event event, ObjectNode into) {
        into.put("key", HEX.formatHex(event.key.bytes()));
        into.put("t_us", event.eventTimeUs);
        into.put("index", event.index);
        into.put("offset", event.offset);
        into.put("id", event.id == null ? "" : HEX.formatHex(event.id));
        ArrayNode values = into.putArray("values");
        for (int column = 0; column < plan.columns().size(); column++) {
            ColumnType type = plan.columns().get(column).type();
            if (event.isNull(column)) {
                values.addNull();
            } else if (type.isBlob()) {
                values.add(HEX.formatHex(event.blob(column)));
            } else if (type == ColumnType.DOUBLE) {
                values.add(event.decimal(column));
            } else {
                values.add(event.number(column));
            }
        }
    }

    private static ConsumerRecord<byte[], byte[]> kafka(JsonNode record, long offset) {
        byte[] value = record.get("value").isNull() ? null : HEX.parseHex(record.get("value").textValue());
        return new ConsumerRecord<>(
                "events", 0, offset, record.get("timestamp_ms").longValue(), TimestampType.CREATE_TIME, 0, 0, null, value,
                new RecordHeaders(), Optional.empty());
    }
}
