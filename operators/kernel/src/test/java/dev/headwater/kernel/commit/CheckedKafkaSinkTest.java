package dev.headwater.kernel.commit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.apache.flink.connector.kafka.sink.TwoPhaseCommittingStatefulSink.PrecommittingStatefulSinkWriter;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class CheckedKafkaSinkTest {
    private static final IOException UNDELIVERED = new IOException("One or more Kafka Producer send requests have failed");

    @Test
    void whatWasNotDeliveredFailsAFlushButNoWriterThatIsClosed() throws Exception {
        KafkaWriter kafka = new KafkaWriter(UNDELIVERED);
        CheckedKafkaSink.Writer<String, String, String> writer = new CheckedKafkaSink.Writer<>(kafka, new FirstRecord());
        assertEquals(UNDELIVERED, assertThrows(IOException.class, () -> writer.flush(false)));
        writer.close();
        assertTrue(kafka.isClosed);
    }

    @Test
    void whatCannotBeAbortedFailsNoWriterThatIsClosed() throws Exception {
        TimeoutException away = new TimeoutException("Timeout expired after 60000ms while awaiting EndTxn(false)");
        away.addSuppressed(UNDELIVERED);
        KafkaWriter kafka = new KafkaWriter(away);
        new CheckedKafkaSink.Writer<>(kafka, new FirstRecord()).close();
        assertTrue(kafka.isClosed);
    }

    @Test
    void anyOtherTroubleWithClosingIsTold() {
        KafkaWriter kafka = new KafkaWriter(new IllegalStateException("the producer is still open"));
        CheckedKafkaSink.Writer<String, String, String> writer = new CheckedKafkaSink.Writer<>(kafka, new FirstRecord());
        assertThrows(IllegalStateException.class, writer::close);
    }

    private static final class KafkaWriter implements PrecommittingStatefulSinkWriter<String, String, String> {
        private final Exception trouble;
        private boolean isClosed;

        KafkaWriter(Exception trouble) {
            this.trouble = trouble;
        }

        @Override
        public void write(String element, Context context) {}

        @Override
        public void flush(boolean endOfInput) throws IOException {
            if (trouble instanceof IOException undelivered) {
                throw undelivered;
            }
        }

        @Override
        public Collection<String> prepareCommit() {
            return List.of();
        }

        @Override
        public List<String> snapshotState(long checkpointId) {
            return List.of();
        }

        @Override
        public void close() throws Exception {
            isClosed = true;
            throw trouble;
        }
    }
}
