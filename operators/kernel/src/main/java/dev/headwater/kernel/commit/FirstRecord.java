package dev.headwater.kernel.commit;

import java.util.function.Consumer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.RecordMetadata;

/** Notes the first record of each transaction that the broker has acknowledged. Called by the producer's thread. */
final class FirstRecord implements Consumer<RecordMetadata> {
    private volatile Witness first;

    @Override
    public void accept(RecordMetadata record) {
        if (first == null && record != null && record.hasOffset()) {
            first = new Witness(record.topic(), record.partition(), record.offset());
        }
    }

    /** The first record since the last call, or null; all records must have been flushed. */
    Witness take() {
        Witness taken = first;
        first = null;
        return taken;
    }
}
