package dev.headwater.kernel.harness;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.aggregate.CellLayout;
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
 * A request is {@code {"plan": {...}, "ops": [...]}}, with {@code "backend": "rocksdb"}, {@code "parallelism": 2} and
 * {@code "wall_ms": n}, the wall time at the start, if wanted. The operations, in order, each an array:
 *
 * <pre>
 *   ["event", key in hex, time in us, ingested in ms, source, partition, offset, [values], id in hex or "", index]
 *   ["source_heartbeat", source, subtask, parallelism, as of ms]
 *   ["watermark", ms]
 *   ["processing_time", ms]
 *   ["checkpoint"]                                 takes the next checkpoint, numbered from 0 on
 *   ["restore", checkpoint, parallelism, wall ms]  crashes and starts from a checkpoint, or from nothing: -1
 *   ["plan", {...}]                                from the next restore on it runs this plan
 *   ["keep", checkpoint, file]                     writes a checkpoint to a file
 *   ["kept", file]                                 takes that for the next checkpoint
 *   ["finish"]                                     the input has ended
 * </pre>
 *
 * Values stand by plan column: numbers, booleans, strings, bytes as hex, vectors as hex, null. The answer is
 *
 * <pre>
 *   {"rows": [[op, key in hex, header in hex, value in hex]],
 *    "late": [[op, key in hex, source, partition, offset, time in us]], "keys": how many have state in the end,
 *    "cells": [names of what the first plan's tiles hold]}
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
        ArrayNode late = answer.putArray("late");
        Plan plan = Plan.parse(request.get("plan").toString());
        ArrayNode cells = answer.putArray("cells");
        new CellLayout(plan).places().forEach(cell -> cells.add(cell.name()));
        String backend = request.path("backend").asText("hashmap").toUpperCase(Locale.ROOT);
        try (KernelJob job = new KernelJob(
                plan,
                KernelDriver.Backend.valueOf(backend),
                request.path("parallelism").asInt(1),
                request.path("wall_ms").asLong(0))) {
            JsonNode ops = request.get("ops");
            for (int index = 0; index < ops.size(); index++) {
                JsonNode op = ops.get(index);
                if (op.get(0).textValue().equals("plan")) {
                    plan = Plan.parse(op.get(1).toString());
                    job.replan(plan);
                } else {
                    apply(op, plan, job);
                }
                for (LogRecord record : job.takeRecords()) {
                    if (!record.isHeartbeat()) {
                        rows.addArray()
                                .add(index)
                                .add(HEX.formatHex(record.key()))
                                .add(HEX.formatHex(record.header()))
                                .add(HEX.formatHex(record.value()));
                    }
                }
                for (LateEvent event : job.takeLate()) {
                    late.addArray()
                            .add(index)
                            .add(event.key().toString())
                            .add(event.source())
                            .add(event.partition())
                            .add(event.offset())
                            .add(event.eventTimeUs());
                }
            }
            answer.put("keys", job.keys());
        }
        return answer;
    }

    private static void apply(JsonNode op, Plan plan, KernelJob job) throws Exception {
        String name = op.get(0).textValue();
        switch (name) {
            case "event" -> job.event(event(op, plan));
            case "source_heartbeat" -> job.event(Event.heartbeat(
                    new Key(new byte[0]),
                    op.get(1).intValue(),
                    op.get(2).intValue(),
                    op.get(3).intValue(),
                    op.get(4).longValue()));
            case "watermark" -> job.watermark(op.get(1).longValue());
            case "processing_time" -> job.processingTime(op.get(1).longValue());
            case "checkpoint" -> job.checkpoint();
            case "restore" -> job.restore(
                    op.get(1).intValue(), op.get(2).intValue(), op.get(3).longValue());
            case "keep" -> job.keep(op.get(1).intValue(), op.get(2).textValue());
            case "kept" -> job.takeKept(op.get(1).textValue());
            case "finish" -> job.finish();
            default -> throw new IllegalArgumentException("there is no operation '" + name + "'");
        }
    }

    private static Event event(JsonNode op, Plan plan) {
        Event event = new Event(plan.columns().size());
        event.key = new Key(HEX.parseHex(op.get(1).textValue()));
        event.eventTimeUs = op.get(2).longValue();
        event.ingestedAtMs = op.get(3).longValue();
        event.source = op.get(4).intValue();
        event.partition = op.get(5).intValue();
        event.offset = op.get(6).longValue();
        String id = op.get(8).textValue();
        event.id = id.isEmpty() ? null : HEX.parseHex(id);
        event.index = op.get(9).intValue();
        JsonNode values = op.get(7);
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
}
