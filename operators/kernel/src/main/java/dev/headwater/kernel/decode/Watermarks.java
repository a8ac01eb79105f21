package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.Plan;
import org.apache.flink.api.common.eventtime.TimestampAssigner;
import org.apache.flink.api.common.eventtime.TimestampAssignerSupplier;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.util.clock.RelativeClock;

/**
 * Watermarks of one source of the plan, one generator per partition. They follow the smaller of event time and Kafka
 * timestamp, so that a fast clock cannot expire windows. A partition without a valid event for the idle timeout no longer
 * holds the others back; rejected records neither advance it nor keep it active.
 */
public final class Watermarks implements WatermarkStrategy<Decoded> {
    private static final long serialVersionUID = 1L;
    private static final long NO_TIMESTAMP = Long.MIN_VALUE;

    private final long delayMs;
    private final long idleTimeoutMs;

    public Watermarks(String plan, int sourceIndex) {
        Plan.Source source = Plan.parse(plan).sources().get(sourceIndex);
        this.delayMs = source.watermarkDelayMs();
        this.idleTimeoutMs = source.idleTimeoutMs();
    }

    @Override
    public TimestampAssigner<Decoded> createTimestampAssigner(TimestampAssignerSupplier.Context context) {
        return (decoded, recordTimestampMs) -> decoded.isEvent() ? timestampMs(decoded.event()) : NO_TIMESTAMP;
    }

    @Override
    public WatermarkGenerator<Decoded> createWatermarkGenerator(WatermarkGeneratorSupplier.Context context) {
        return new Generator(context.getInputActivityClock());
    }

    private static long timestampMs(Event event) {
        return Math.min(event.eventTimeUs / 1000, event.ingestedAtMs);
    }

    private final class Generator implements WatermarkGenerator<Decoded> {
        // Stands still while the input is blocked by what is downstream: that is not idleness.
        private final RelativeClock clock;
        private long greatestMs = NO_TIMESTAMP;
        private long lastEventMs;

        Generator(RelativeClock clock) {
            this.clock = clock;
            this.lastEventMs = clock.relativeTimeMillis();
        }

        @Override
        public void onEvent(Decoded decoded, long timestampMs, WatermarkOutput output) {
            if (decoded.isEvent()) {
                greatestMs = Math.max(greatestMs, timestampMs);
                lastEventMs = clock.relativeTimeMillis();
            }
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {
            if (clock.relativeTimeMillis() - lastEventMs >= idleTimeoutMs) {
                output.markIdle();
            } else if (greatestMs != NO_TIMESTAMP) {
                output.emitWatermark(new Watermark(greatestMs - delayMs - 1));
            }
        }
    }
}
