package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.TimestampAssigner;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.util.clock.ManualClock;
import org.apache.flink.util.clock.RelativeClock;
import org.junit.jupiter.api.Test;

/** The plan delays watermarks by 1 s and calls a partition idle after 5 s. */
class WatermarksTest {
    private static final long T = 1_700_000_000_000L;

    private final ManualClock clock = new ManualClock();
    private final List<String> seen = new ArrayList<>();
    private final WatermarkOutput output = new Recorder();
    private final Watermarks watermarks = new Watermarks(Events.planJson(), 0);
    private final TimestampAssigner<Decoded> timestamps = watermarks.createTimestampAssigner(() -> new UnregisteredMetricsGroup());
    private final WatermarkGenerator<Decoded> generator = watermarks.createWatermarkGenerator(new Context());

    @Test
    void aWatermarkFollowsTheSmallerOfEventTimeAndKafkaTimestamp() {
        read(event(T, T + 5_000));
        read(event(T + 60_000, T + 2_000));
        read(event(T - 9_000, T + 3_000));
        emit();
        assertEquals(List.of("watermark " + (T + 2_000 - 1_000 - 1)), seen);
    }

    @Test
    void nothingIsSaidBeforeTheFirstEvent() {
        emit();
        assertEquals(List.of(), seen);
    }

    @Test
    void aPartitionWithoutEventsIsIdleAfterTheTimeoutAndActiveAgainWithTheNext() {
        read(event(T, T));
        pass(5_000);
        emit();
        read(event(T + 1, T + 1));
        emit();
        assertEquals(List.of("idle", "watermark " + (T + 1 - 1_001)), seen);
    }

    @Test
    void rejectsNeitherAdvanceAPartitionNorKeepItActive() {
        read(event(T, T));
        for (int i = 0; i < 5; i++) {
            pass(1_000);
            read(new Decoded().setRejected(new DeadLetter(
                    Reason.FUTURE_EVENT, "", "t", 0, 1, T + 10_000, 1, null, null, null, 0, null, Map.of(), null)));
        }
        emit();
        assertEquals(List.of("idle"), seen);
    }

    private void read(Decoded decoded) {
        generator.onEvent(decoded, timestamps.extractTimestamp(decoded, Long.MIN_VALUE), output);
    }

    private void emit() {
        generator.onPeriodicEmit(output);
    }

    private void pass(long ms) {
        clock.advanceTime(java.time.Duration.ofMillis(ms));
    }

    private static Decoded event(long eventTimeMs, long kafkaTimestampMs) {
        Event event = new Event(0);
        event.eventTimeUs = eventTimeMs * 1000;
        event.ingestedAtMs = kafkaTimestampMs;
        return new Decoded().setEvent(event);
    }

    private final class Recorder implements WatermarkOutput {
        @Override
        public void emitWatermark(Watermark watermark) {
            seen.add("watermark " + watermark.getTimestamp());
        }

        @Override
        public void markIdle() {
            seen.add("idle");
        }

        @Override
        public void markActive() {
            seen.add("active");
        }
    }

    private final class Context implements WatermarkGeneratorSupplier.Context {
        @Override
        public MetricGroup getMetricGroup() {
            return new UnregisteredMetricsGroup();
        }

        @Override
        public RelativeClock getInputActivityClock() {
            return clock;
        }
    }
}
