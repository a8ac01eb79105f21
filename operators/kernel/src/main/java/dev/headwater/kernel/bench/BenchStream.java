package dev.headwater.kernel.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * The stream of a measurement: at a steady rate, events of numbered keys, with values by column name. It comes as files
 * of little-endian arrays, so that another language can hold the results to what it makes of the same events.
 *
 * <pre>
 *   {"start_us": n, "per_second": n, "events": n, "keys": n, "key_file": int32s,
 *    "columns": {"amount": {"file": int64s: numbers, doubles as raw bits},
 *                "category": {"file": int64s: indexes into the vocabulary, "vocabulary": [hex, ...]}}}
 * </pre>
 */
final class BenchStream {
    private static final long US_PER_SECOND = 1_000_000;
    private static final long US_PER_MS = 1000;

    private record Values(long[] numbers, byte[][] vocabulary) {}

    private final long startUs;
    private final long perSecond;
    private final int events;
    private final int[] keyOf;
    private final Key[] keys;
    private final Map<String, Values> columns = new HashMap<>();

    BenchStream(JsonNode described) throws IOException {
        startUs = described.get("start_us").longValue();
        perSecond = described.get("per_second").longValue();
        events = described.get("events").intValue();
        keys = new Key[described.get("keys").intValue()];
        for (int k = 0; k < keys.length; k++) {
            keys[k] = key(k);
        }
        keyOf = new int[events];
        read(described.get("key_file")).asIntBuffer().get(keyOf);
        for (Map.Entry<String, JsonNode> column : described.get("columns").properties()) {
            columns.put(column.getKey(), values(column.getValue()));
        }
    }

    int size() {
        return events;
    }

    long timeUs(int number) {
        return startUs + number * US_PER_SECOND / perSecond;
    }

    /** What decoding would hand over: a new event, with values for the plan's columns. It arrives when it happens. */
    Event event(int number, Plan plan) {
        Event event = new Event(plan.columns().size());
        event.key = keys[keyOf[number]];
        event.eventTimeUs = timeUs(number);
        event.ingestedAtMs = event.eventTimeUs / US_PER_MS;
        event.offset = number;
        for (int c = 0; c < plan.columns().size(); c++) {
            Plan.Column column = plan.columns().get(c);
            Values values = columns.get(column.name());
            if (column.type().isBlob()) {
                event.setBlob(c, values.vocabulary[(int) values.numbers[number]]);
            } else {
                event.setNumber(c, values.numbers[number]);
            }
        }
        return event;
    }

    /** The canonical key of an entity that is one string of ten digits. */
    private static Key key(int number) {
        byte[] bytes = new byte[11];
        bytes[0] = 20;
        for (int digit = 10; digit > 0; digit--) {
            bytes[digit] = (byte) ('0' + number % 10);
            number /= 10;
        }
        return new Key(bytes);
    }

    private Values values(JsonNode column) throws IOException {
        long[] numbers = new long[events];
        read(column.get("file")).asLongBuffer().get(numbers);
        JsonNode texts = column.path("vocabulary");
        byte[][] vocabulary = new byte[texts.size()][];
        for (int i = 0; i < vocabulary.length; i++) {
            vocabulary[i] = HexFormat.of().parseHex(texts.get(i).textValue());
        }
        return new Values(numbers, vocabulary);
    }

    private static ByteBuffer read(JsonNode file) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(Path.of(file.textValue()))).order(ByteOrder.LITTLE_ENDIAN);
    }
}
