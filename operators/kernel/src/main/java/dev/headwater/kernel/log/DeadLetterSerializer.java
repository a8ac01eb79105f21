package dev.headwater.kernel.log;

import dev.headwater.kernel.event.DeadLetter;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Dead letters in the Confluent wire format, in the Avro schema that Python registered. The message key is the event's
 * position, so that equal letters of two attempts are told apart from two letters.
 */
public final class DeadLetterSerializer
        implements KafkaRecordSerializationSchema<DeadLetter>, KafkaDatasetFacetProvider {
    private static final long serialVersionUID = 1L;

    private final String topic;
    private final int schemaId;
    private final String schemaText;
    private final long generation;

    private transient Schema schema;
    private transient GenericDatumWriter<GenericRecord> writer;
    private transient BinaryEncoder encoder;

    /** @param generation of the view whose letters these are; its topic is shared by all generations */
    public DeadLetterSerializer(String topic, int schemaId, String schemaText, long generation) {
        this.topic = topic;
        this.schemaId = schemaId;
        this.schemaText = schemaText;
        this.generation = generation;
    }

    @Override
    public void open(SerializationSchema.InitializationContext context, KafkaSinkContext sinkContext) {
        schema = new Schema.Parser().parse(schemaText);
        writer = new GenericDatumWriter<>(schema);
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(DeadLetter letter, KafkaSinkContext context, Long timestamp) {
        String position = letter.topic() + "/" + letter.partition() + "/" + letter.offset();
        return new ProducerRecord<>(topic, position.getBytes(StandardCharsets.UTF_8), frame(letter));
    }

    @Override
    public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() {
        return Optional.of(new DefaultKafkaDatasetFacet(DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic))));
    }

    byte[] frame(DeadLetter letter) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            DataOutputStream head = new DataOutputStream(bytes);
            head.writeByte(0);
            head.writeInt(schemaId);
            encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
            writer.write(avro(letter), encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    private GenericRecord avro(DeadLetter letter) {
        Map<String, ByteBuffer> headers = new HashMap<>();
        letter.headers().forEach((name, value) -> headers.put(name, ByteBuffer.wrap(value)));
        GenericRecord record = new GenericData.Record(schema);
        record.put("reason", letter.reason().text());
        record.put("detail", letter.detail());
        record.put("topic", letter.topic());
        record.put("partition", letter.partition());
        record.put("offset", letter.offset());
        record.put("record_timestamp", letter.recordTimestampMs());
        record.put("schema_id", letter.schemaId());
        record.put("entity_key", wrap(letter.entityKey()));
        record.put("event_time", letter.eventTimeUs());
        record.put("value", wrap(letter.value()));
        record.put("value_bytes", letter.valueBytes());
        record.put("value_sha256", letter.valueSha256());
        record.put("headers", headers);
        record.put("generation", generation);
        record.put("record_key", wrap(letter.recordKey()));
        return record;
    }

    private static ByteBuffer wrap(byte[] bytes) {
        return bytes == null ? null : ByteBuffer.wrap(bytes);
    }
}
