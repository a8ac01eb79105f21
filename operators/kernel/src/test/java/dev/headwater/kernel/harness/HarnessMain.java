package dev.headwater.kernel.harness;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LateEvent;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.plan.Plan;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Lets another language drive the real operator. It lives as long as its standard input: one request a line, one answer
 * a line, both JSON. After {@code mvn -B -q package}, in this module's folder:
 *
 * <pre>
 *   java -Xmx512m
 *     --add-opens=java.base/java.lang=ALL-UNNAMED
 *     --add-opens=java.base/java.util=ALL-UNNAMED
 *     --add-opens=java.base/java.time=ALL-UNNAMED
 *     -cp target/test-classes:target/classes:$(cat target/test-classpath.txt)
 *     dev.headwater.kernel.harness.HarnessMain
 * </pre>
 *
 * A request is {@code {"plan": {...}, "ops": [...]}}, with {@code "backend": "rocksdb"} if wanted. The operations, each on
 * the one operator, in order:
 *
 * <pre>
 *   {"op": "event", "key": hex, "t_us": n, "ingested_ms": n, "source": 0, "partition": 0, "offset": n, "id": hex,
 *    "index": 0, "values": [...]}
 *   {"op": "source_heartbeat", "source": 0, "subtask": 0, "parallelism": 1, "as_of_ms": n}
 *   {"op": "watermark", "ms": n}
 *   {"op": "processing_time", "ms": n}
 *   {"op": "checkpoint"}   keeps a checkpoint
 *   {"op": "restore"}      crashes and starts from the last checkpoint, or from nothing
 *   {"op": "finish"}       the input has ended
 * </pre>
 *
 * Values stand by plan column: numbers, booleans, strings, bytes and vectors as hex, null. The answer is
 *
 * <pre>
 *   {"rows": [{"op": index, "key": hex, "header": hex, "value": hex, "partition": n, "timestamp_ms": n}],
 *    "heartbeats": [the same, "value" null], "late": [{"op", "key", "source", "partition", "offset", "t_us", "ingested_ms"}]}
 * </pre>
 *
 * where op is the index of the operation during which it came out; or {@code {"error": "..."}}.
 */
public final class HarnessMain {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    private HarnessMain() {}

    public static void main(String[] args) throws IOException {
        PrintStream answers = System.out;
        // Whatever a library prints must not come between the answers.
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            byte[] answer = (answer(line) + "\n").getBytes(StandardCharsets.UTF_8);
            answers.write(answer, 0, answer.length);
            answers.flush();
        }
    }

    private static String answer(String line) throws JsonProcessingException {
        try {
            return JSON.writeValueAsString(run(JSON.readTree(line)));
        } catch (Exception e) {
            // The one who asked gets the whole story; the next request starts afresh.
            e.printStackTrace();
            return JSON.writeValueAsString(JSON.createObjectNode().put("error", describe(e)));
        }
    }

    private static String describe(Throwable e) {
        return e.getCause() == null ? e.toString() : e + " because of " + describe(e.getCause());
    }

    private static ObjectNode run(JsonNode request) throws Exception {
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode rows = answer.putArray("rows");
        ArrayNode heartbeats = answer.putArray("heartbeats");
        ArrayNode late = answer.putArray("late");
        Plan plan = Plan.parse(request.get("plan").toString());
        String backend = request.path("backend").asText("hashmap").toUpperCase(Locale.ROOT);
        try (KernelDriver driver = new KernelDriver(plan, KernelDriver.Backend.valueOf(backend))) {
            JsonNode ops = request.get("ops");
            for (int index = 0; index < ops.size(); index++) {
                apply(ops.get(index), plan, driver);
                for (LogRecord record : driver.takeRecords()) {
                    write(record, (record.isHeartbeat() ? heartbeats : rows).addObject().put("op", index));
                }
                for (LateEvent event : driver.takeLate()) {
                    write(event, late.addObject().put("op", index));
                }
            }
        }
        return answer;
    }

    private static void apply(JsonNode op, Plan plan, KernelDriver driver) throws Exception {
        String name = op.get("op").textValue();
        switch (name) {
            case "event" -> driver.event(event(op, plan));
            case "source_heartbeat" -> driver.event(Event.heartbeat(
                    new Key(new byte[0]),
                    op.get("source").intValue(),
                    op.get("subtask").intValue(),
                    op.get("parallelism").intValue(),
                    op.get("as_of_ms").longValue()));
            case "watermark" -> driver.watermark(op.get("ms").longValue());
            case "processing_time" -> driver.processingTime(op.get("ms").longValue());
            case "checkpoint" -> driver.checkpoint();
            case "restore" -> driver.restore();
            case "finish" -> driver.finish();
            default -> throw new IllegalArgumentException("there is no operation '" + name + "'");
        }
    }

    private static Event event(JsonNode op, Plan plan) {
        Event event = new Event(plan.columns().size());
        event.key = new Key(HEX.parseHex(op.get("key").textValue()));
        event.eventTimeUs = op.get("t_us").longValue();
        event.ingestedAtMs = op.get("ingested_ms").longValue();
        event.source = op.path("source").intValue();
        event.partition = op.path("partition").intValue();
        event.offset = op.path("offset").longValue();
        event.index = op.path("index").intValue();
        String id = op.path("id").asText("");
        event.id = id.isEmpty() ? null : HEX.parseHex(id);
        JsonNode values = op.get("values");
        for (int column = 0; column < plan.columns().size(); column++) {
            JsonNode value = values.get(column);
            if (value.isNull()) {
                continue;
            }
            switch (plan.columns().get(column).type()) {
                case LONG -> event.setNumber(column, value.longValue());
                case DOUBLE -> event.setDecimal(column, value.doubleValue());
                case BOOLEAN -> event.setBoolean(column, value.booleanValue());
                case STRING -> event.setBlob(column, value.textValue().getBytes(StandardCharsets.UTF_8));
                case BYTES, VECTOR -> event.setBlob(column, HEX.parseHex(value.textValue()));
                default -> throw new IllegalArgumentException("no value of column " + column);
            }
        }
        return event;
    }

    private static void write(LogRecord record, ObjectNode into) {
        into.put("key", HEX.formatHex(record.key()))
                .put("header", HEX.formatHex(record.header()))
                .put("value", record.isHeartbeat() ? null : HEX.formatHex(record.value()))
                .put("partition", record.partition())
                .put("timestamp_ms", record.timestampMs());
    }

    private static void write(LateEvent event, ObjectNode into) {
        into.put("key", event.key().toString())
                .put("source", event.source())
                .put("partition", event.partition())
                .put("offset", event.offset())
                .put("t_us", event.eventTimeUs())
                .put("ingested_ms", event.ingestedAtMs());
    }
}
