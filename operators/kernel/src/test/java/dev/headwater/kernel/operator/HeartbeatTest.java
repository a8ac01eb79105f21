package dev.headwater.kernel.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.harness.Events;
import dev.headwater.kernel.harness.KernelDriver;
import dev.headwater.kernel.harness.PlanBuilder;
import dev.headwater.kernel.plan.Plan;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Heartbeat interval 1000 ms, emission interval 200 ms, a log of 4 partitions. */
class HeartbeatTest {
    private static final Plan PLAN = new PlanBuilder()
            .window("1m", Duration.ofSeconds(60), Duration.ofSeconds(10))
            .feature("count", null, "long")
            .build();

    @Test
    void thereIsNoneUntilEverySourceSubtaskWasHeardOf() throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.event(heartbeat(0, 2, 500));
            kernel.processingTime(3000);
            assertEquals(List.of(), kernel.takeRecords());
            kernel.event(heartbeat(1, 2, 700));
            kernel.processingTime(4000);
            assertEquals(4, kernel.takeRecords().size());
        }
    }

    @Test
    void itSaysTheLeastOfTheSourcesAndTheWatermarkToEveryPartition() throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.event(heartbeat(0, 2, 500));
            kernel.event(heartbeat(1, 2, 700));
            kernel.watermark(444);
            kernel.processingTime(1000);
            List<LogRecord> records = kernel.takeRecords();
            assertEquals(List.of(0, 1, 2, 3), records.stream().map(LogRecord::partition).toList());
            LogRecord first = records.get(0);
            assertEquals("ff".repeat(11) + "00000000", HexFormat.of().formatHex(first.key()));
            assertEquals(LogRecord.HEARTBEAT_HEADER, first.headerName());
            byte[] expected = ByteBuffer.allocate(32)
                    .putLong(0)
                    .putInt(0)
                    .putInt(1)
                    .putLong(500)
                    .putLong(444)
                    .array();
            assertArrayEquals(expected, first.header());
        }
    }

    @Test
    void itFollowsTheRowsThatWereHeldBackWhenItWasTaken() throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.event(heartbeat(0, 1, 500));
            kernel.processingTime(990);
            kernel.event(Events.at(1, "a"));
            kernel.event(Events.at(2, "a"));
            kernel.takeRecords();
            kernel.processingTime(1000);
            assertEquals(List.of(), kernel.takeRecords());
            kernel.event(heartbeat(0, 1, 900));
            for (long now = 1001; now < 1300; now++) {
                kernel.processingTime(now);
            }
            List<LogRecord> records = kernel.takeRecords();
            assertEquals(5, records.size());
            assertTrue(!records.get(0).isHeartbeat());
            assertEquals(500, ByteBuffer.wrap(records.get(1).header()).getLong(16));
        }
    }

    @Test
    void aBarrierBringsItForward() throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.event(heartbeat(0, 1, 500));
            kernel.processingTime(990);
            kernel.event(Events.at(1, "a"));
            kernel.event(Events.at(2, "a"));
            kernel.processingTime(1000);
            kernel.takeRecords();
            kernel.checkpoint();
            List<LogRecord> records = kernel.takeRecords();
            assertEquals(5, records.size());
            assertTrue(records.get(4).isHeartbeat());
        }
    }

    @Test
    void theWordOfASourceNeverGoesBackAndIsForgottenByARestart() throws Exception {
        try (KernelDriver kernel = new KernelDriver(PLAN)) {
            kernel.event(heartbeat(0, 1, 500));
            kernel.event(heartbeat(0, 1, 400));
            kernel.processingTime(1000);
            assertEquals(500, ByteBuffer.wrap(kernel.takeRecords().get(0).header()).getLong(16));
            kernel.checkpoint();
            kernel.restore();
            kernel.processingTime(3000);
            assertEquals(List.of(), kernel.takeRecords());
            kernel.event(heartbeat(0, 1, 450));
            kernel.processingTime(4000);
            ByteBuffer header = ByteBuffer.wrap(kernel.takeRecords().get(0).header());
            assertEquals(1000, header.getLong(0));
            assertEquals(450, header.getLong(16));
            assertEquals(Long.MIN_VALUE, header.getLong(24));
        }
    }

    private static Event heartbeat(int subtask, int parallelism, long asOfMs) {
        return Event.heartbeat(Events.key("any"), 0, subtask, parallelism, asOfMs);
    }
}
