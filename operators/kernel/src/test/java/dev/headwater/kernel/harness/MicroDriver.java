package dev.headwater.kernel.harness;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.plan.Plan;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;

/**
 * Measures what an event costs in the operator: state, tiles, rows with their encoding, timers and throttling, on one
 * thread; not decoding, the exchange or the sink. The clocks run as a live job at the given rate would see them: event
 * time and wall time advance alike, a watermark every 200 ms, a checkpoint's flush every 10 s.
 *
 * <p>Run it like the harness. Arguments: events (default 2000000), keys (100000), events a second (100000),
 * hashmap|rocksdb, numbers of windows (1,5,20).
 */
public final class MicroDriver {
    private static final Duration[] LENGTHS = {
        Duration.ofMinutes(1), Duration.ofMinutes(5), Duration.ofHours(1), Duration.ofHours(6), Duration.ofHours(24)
    };
    private static final long START_MS = 1_700_000_000_000L;
    private static final long WATERMARK_STEP_MS = 200;
    private static final long WATERMARK_DELAY_MS = 1000;
    private static final long CHECKPOINT_STEP_MS = 10_000;

    private MicroDriver() {}

    public static void main(String[] args) throws Exception {
        int events = args.length > 0 ? Integer.parseInt(args[0]) : 2_000_000;
        int keys = args.length > 1 ? Integer.parseInt(args[1]) : 100_000;
        int rate = args.length > 2 ? Integer.parseInt(args[2]) : 100_000;
        KernelDriver.Backend backend =
                args.length > 3 ? KernelDriver.Backend.valueOf(args[3].toUpperCase()) : KernelDriver.Backend.HASHMAP;
        int[] windowCounts = Arrays.stream((args.length > 4 ? args[4] : "1,5,20").split(","))
                .mapToInt(Integer::parseInt)
                .toArray();
        for (boolean zipf : new boolean[] {false, true}) {
            for (int windows : windowCounts) {
                measure(windows, events, keys, rate, zipf, backend);
            }
        }
    }

    private static void measure(
            int windows, int events, int keys, int rate, boolean zipf, KernelDriver.Backend backend) throws Exception {
        int[] sequence = zipf ? zipf(events, keys) : uniform(events, keys);
        try (KernelDriver driver = new KernelDriver(plan(windows), backend)) {
            driver.discardRecords();
            driver.processingTime(START_MS);
            run(driver, sequence, START_MS, rate, keys);
            long nextMs = START_MS + (long) events * 1000 / rate;
            long rowsBefore = driver.discarded();
            long cpu = cpuNanos();
            long wall = System.nanoTime();
            run(driver, sequence, nextMs, rate, keys);
            cpu = cpuNanos() - cpu;
            wall = System.nanoTime() - wall;
            System.out.printf(
                    "%s %2d windows x 6, %s %d keys, %d events/s: %.2f us CPU of the thread, %.2f us wall an event; %.2f rows an event%n",
                    backend,
                    windows,
                    zipf ? "Zipf" : "uniform",
                    keys,
                    rate,
                    cpu / 1e3 / events,
                    wall / 1e3 / events,
                    (driver.discarded() - rowsBefore) / (double) events);
        }
    }

    private static void run(KernelDriver driver, int[] sequence, long startMs, int rate, int keys) throws Exception {
        long watermarkAtMs = startMs + WATERMARK_STEP_MS;
        long checkpointAtMs = startMs + CHECKPOINT_STEP_MS;
        long lastMs = startMs;
        for (int i = 0; i < sequence.length; i++) {
            long timeUs = startMs * 1000 + i * 1_000_000L / rate;
            long nowMs = timeUs / 1000;
            if (nowMs != lastMs) {
                driver.processingTime(nowMs);
                lastMs = nowMs;
            }
            if (nowMs >= watermarkAtMs) {
                driver.watermark(nowMs - WATERMARK_DELAY_MS);
                watermarkAtMs += WATERMARK_STEP_MS;
            }
            if (nowMs >= checkpointAtMs) {
                driver.barrier();
                checkpointAtMs += CHECKPOINT_STEP_MS;
            }
            driver.event(event(sequence[i], timeUs, i));
        }
    }

    /** What decoding would hand over: a new event, since the exchange makes a new one of each. */
    private static Event event(int key, long timeUs, long offset) {
        Event event = new Event(2);
        event.key = new Key(new byte[] {12, 'c', (byte) (key >> 24), (byte) (key >> 16), (byte) (key >> 8), (byte) key, '_'});
        event.eventTimeUs = timeUs;
        event.ingestedAtMs = timeUs / 1000;
        event.offset = offset;
        event.setDecimal(0, key % 97 * 0.25);
        event.setNumber(1, offset % 11);
        return event;
    }

    private static Plan plan(int windows) {
        PlanBuilder plan = new PlanBuilder().column("amount", "double", true).column("items", "long", false);
        for (int w = 0; w < windows; w++) {
            // Beyond five, windows a little longer than those five.
            Duration length = LENGTHS[w % LENGTHS.length].plusMinutes(w / LENGTHS.length);
            long seconds = length.toSeconds();
            long resolution = Arrays.stream(new long[] {1, 10, 60, 600, 3600})
                    .filter(r -> r == 1 || r * 30 <= seconds)
                    .max()
                    .orElseThrow();
            plan.window("w" + w, length, Duration.ofSeconds(resolution))
                    .feature("count", null, "long")
                    .feature("sum", 0, "double")
                    .feature("mean", 0, "double")
                    .feature("min", 0, "double")
                    .feature("max", 0, "double")
                    .feature("stddev", 0, "double");
        }
        return plan.build();
    }

    private static int[] uniform(int events, int keys) {
        return new Random(1).ints(events, 0, keys).toArray();
    }

    /** Exponent 1, by inversion of the cumulated weights. */
    private static int[] zipf(int events, int keys) {
        double[] cumulated = new double[keys];
        double sum = 0;
        for (int k = 0; k < keys; k++) {
            sum += 1.0 / (k + 1);
            cumulated[k] = sum;
        }
        Random random = new Random(1);
        int[] sequence = new int[events];
        for (int i = 0; i < events; i++) {
            int at = Arrays.binarySearch(cumulated, random.nextDouble() * sum);
            sequence[i] = Math.min(keys - 1, at < 0 ? -at - 1 : at);
        }
        return sequence;
    }

    private static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
