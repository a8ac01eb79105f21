package dev.headwater.kernel.commit;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.KafkaException;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Looks into the log: nobody sees the witness any more, or everybody does, or only who reads what is not committed. */
final class LogFates implements Fates {
    // As long as a transaction before the witness is open, nobody who reads committed records gets there.
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration POLL = Duration.ofMillis(500);

    private final Properties connection;

    /** @param connection the brokers, and how they are reached */
    LogFates(Properties connection) {
        this.connection = connection;
    }

    @Override
    public Fate of(Witness witness) throws IOException {
        try {
            if (!shows("read_uncommitted", witness)) {
                return Fate.FORGOTTEN;
            }
            return shows("read_committed", witness) ? Fate.COMMITTED : Fate.ABORTED;
        } catch (KafkaException e) {
            throw new IOException("cannot look for " + witness, e);
        }
    }

    private boolean shows(String isolation, Witness witness) throws IOException {
        Properties properties = new Properties();
        properties.putAll(connection);
        properties.put("isolation.level", isolation);
        properties.put("auto.offset.reset", "none");
        properties.put("enable.auto.commit", "false");
        TopicPartition partition = new TopicPartition(witness.topic(), witness.partition());
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties, bytes, bytes)) {
            consumer.assign(List.of(partition));
            return reads(consumer, partition, witness.offset());
        } catch (OffsetOutOfRangeException e) {
            return false; // deleted since
        }
    }

    private static boolean reads(KafkaConsumer<?, ?> consumer, TopicPartition partition, long offset)
            throws IOException {
        consumer.seek(partition, offset);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (consumer.position(partition) <= offset) {
            for (ConsumerRecord<?, ?> record : consumer.poll(POLL)) {
                return record.offset() == offset;
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("an open transaction hides whether that at " + offset + " was committed");
            }
        }
        return false;
    }
}
