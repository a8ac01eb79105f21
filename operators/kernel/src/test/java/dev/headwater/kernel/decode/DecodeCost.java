package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Decoded;
import java.util.Locale;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.util.Collector;

/** Measures what decoding one event costs; run by hand: {@code java -cp ... dev.headwater.kernel.decode.DecodeCost}. */
final class DecodeCost {
    private static final int EVENTS = 4_096;
    private static final int ROUNDS = 2_000;
    private static final int REPEATS = 6;

    private DecodeCost() {}

    public static void main(String[] arguments) throws Exception {
        try (FakeRegistry registry = new FakeRegistry().with(1, Events.WRITER)) {
            EventDeserializer deserializer = new EventDeserializer(
                    Events.planJson(), 0, "{\"registry_url\":\"" + registry.url() + "\",\"unknown_schema_wait_ms\":0,\"dead_letter_cap_bytes\":262144}");
            deserializer.open(registry.client(0), new SimpleCounter());
            ConsumerRecord<byte[], byte[]>[] records = records();
            long[] checksum = new long[1];
            Collector<Decoded> sink = sink(checksum);
            for (int repeat = 0; repeat < REPEATS; repeat++) {
                long start = System.nanoTime();
                for (int round = 0; round < ROUNDS; round++) {
                    for (ConsumerRecord<byte[], byte[]> record : records) {
                        deserializer.deserialize(record, sink);
                    }
                }
                double perEvent = (System.nanoTime() - start) / (double) EVENTS / ROUNDS;
                System.out.printf(
                        Locale.ROOT, "%d bytes: %.0f ns an event%n", records[0].value().length, perEvent);
            }
            System.out.println(checksum[0]);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static ConsumerRecord<byte[], byte[]>[] records() {
        ConsumerRecord[] records = new ConsumerRecord[EVENTS];
        for (int i = 0; i < EVENTS; i++) {
            GenericRecord purchase = Events.purchase("customer_id", String.format(Locale.ROOT, "customer-%06d", i));
            purchase.put("amount", i * 0.01);
            records[i] = Events.kafka(Events.frame(1, purchase));
        }
        return records;
    }

    private static Collector<Decoded> sink(long[] checksum) {
        return new Collector<>() {
            @Override
            public void collect(Decoded decoded) {
                checksum[0] += decoded.event().key.hashCode() + decoded.event().number(0);
            }

            @Override
            public void close() {}
        };
    }
}
