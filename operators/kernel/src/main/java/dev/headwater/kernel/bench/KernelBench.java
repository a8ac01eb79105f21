package dev.headwater.kernel.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.plan.Plan;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Measures what views cost on a stream. One request a line on standard input, one answer a line, both JSON. The first
 * request describes the {@link BenchStream}; each other one is a run over it from nothing:
 *
 * <pre>
 *   {"plan": {...}, "watermark_delay_ms": n, "rows_file": path or absent}
 * </pre>
 *
 * Answered by the CPU nanoseconds that the thread spent on the second half of the events, in which the windows are full,
 * how many those were, rows written over all, and the keys and bytes of state at the end:
 *
 * <pre>
 *   {"cpu_nanos": n, "events": n, "rows": n, "keys": n, "state_bytes": n}
 * </pre>
 *
 * Making the events is not counted. With a {@code rows_file} the last row of each key is written to it, big-endian: the
 * length of the key as an int, the key, the same of the header and the value.
 */
public final class KernelBench {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int BATCH = 2000;
    private static final long WATERMARK_STEP_MS = 200;
    private static final long US_PER_MS = 1000;

    private KernelBench() {}

    public static void main(String[] args) throws IOException {
        PrintStream answers = System.out;
        // Whatever a library prints must not come between the answers.
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BenchStream stream = new BenchStream(JSON.readTree(requests.readLine()));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.println(JSON.writeValueAsString(run(stream, JSON.readTree(line))));
            answers.flush();
        }
    }

    private static ObjectNode run(BenchStream stream, JsonNode request) throws IOException {
        Plan plan = Plan.parse(request.get("plan").toString());
        long watermarkDelayMs = request.get("watermark_delay_ms").longValue();
        Rows rows = new Rows(request.has("rows_file"));
        ViewRun view = new ViewRun(plan, rows::take);
        Event[] batch = new Event[BATCH];
        long watermarkAtMs = 0;
        long nanos = 0;
        int counted = 0;
        for (int from = 0; from < stream.size(); from += BATCH) {
            int size = Math.min(BATCH, stream.size() - from);
            for (int i = 0; i < size; i++) {
                batch[i] = stream.event(from + i, plan);
            }
            long began = cpuNanos();
            for (int i = 0; i < size; i++) {
                long nowMs = batch[i].eventTimeUs / US_PER_MS;
                view.time(nowMs);
                if (nowMs >= watermarkAtMs) {
                    view.watermark(nowMs - watermarkDelayMs);
                    watermarkAtMs = nowMs + WATERMARK_STEP_MS;
                }
                view.event(batch[i]);
            }
            if (from + size / 2 >= stream.size() / 2) {
                nanos += cpuNanos() - began;
                counted += size;
            }
        }
        view.watermark(stream.timeUs(stream.size()) / US_PER_MS - watermarkDelayMs);
        view.flush();
        if (rows.isKept()) {
            rows.write(Path.of(request.get("rows_file").textValue()));
        }
        return JSON.createObjectNode()
                .put("cpu_nanos", nanos)
                .put("events", counted)
                .put("rows", rows.count)
                .put("keys", view.keys())
                .put("state_bytes", view.stateBytes());
    }

    private static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** Takes the rows of a run as a sink would, and keeps the last one of each key if it is asked to. */
    private static final class Rows {
        private final Map<Key, LogRecord> last;
        private long count;

        Rows(boolean kept) {
            last = kept ? new HashMap<>() : null;
        }

        boolean isKept() {
            return last != null;
        }

        void take(LogRecord row) {
            count++;
            if (last != null) {
                last.put(new Key(row.key()), row);
            }
        }

        void write(Path file) throws IOException {
            try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
                for (LogRecord row : last.values()) {
                    for (byte[] part : new byte[][] {row.key(), row.header(), row.value()}) {
                        out.writeInt(part.length);
                        out.write(part);
                    }
                }
            }
        }
    }
}
