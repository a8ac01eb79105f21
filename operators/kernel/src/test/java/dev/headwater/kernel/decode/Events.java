package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.plan.Plan;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.record.TimestampType;
import org.apache.flink.util.Collector;

/** Purchases as a shop would write them: eight fields, of which the plan of the tests needs five. */
final class Events {
    static final long NOW_MS = 1_700_000_000_000L;

    static final Schema WRITER = new Schema.Parser().parse("""
            {"type": "record", "name": "Purchase", "namespace": "shop", "fields": [
              {"name": "purchase_id", "type": "string"},
              {"name": "customer_id", "type": ["null", "string"]},
              {"name": "tags", "type": {"type": "array", "items": "string"}},
              {"name": "purchased_at", "type": ["null", "long"]},
              {"name": "amount", "type": ["null", "double"]},
              {"name": "extra", "type": {"type": "map", "values": "long"}},
              {"name": "discount", "type": ["null", "float"]},
              {"name": "item", "type": ["null", {"type": "record", "name": "Item", "fields": [
                {"name": "sku", "type": "string"},
                {"name": "pieces", "type": "int"},
                {"name": "category", "type": {"type": "enum", "name": "Category", "symbols": ["FOOD", "BOOKS"]}}
              ]}]}
            ]}""");

    private Events() {}

    static String planJson() {
        try (InputStream in = Events.class.getResourceAsStream("plan.json")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Plan plan() {
        return Plan.parse(planJson());
    }

    /** A valid purchase, which a test may then spoil. */
    static GenericRecord purchase() {
        GenericRecord item = new GenericData.Record(WRITER.getField("item").schema().getTypes().get(1));
        item.put("sku", "0815-4711");
        item.put("pieces", 3);
        item.put("category", new GenericData.EnumSymbol(item.getSchema().getField("category").schema(), "BOOKS"));
        GenericRecord purchase = new GenericData.Record(WRITER);
        purchase.put("purchase_id", "7c1c7a8e-5a2b-4b0e-9f57");
        purchase.put("customer_id", "customer-000042");
        purchase.put("tags", List.of("new", "mobile"));
        purchase.put("purchased_at", NOW_MS);
        purchase.put("amount", 12.5);
        purchase.put("extra", java.util.Map.of("a", 1L));
        purchase.put("item", item);
        return purchase;
    }

    static GenericRecord purchase(String field, Object value) {
        GenericRecord purchase = purchase();
        purchase.put(field, value);
        return purchase;
    }

    /** The record in the Confluent wire format. */
    static byte[] frame(int schemaId, GenericRecord record) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(schemaId).array());
        try {
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
            new GenericDatumWriter<GenericRecord>(record.getSchema()).write(record, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** A Kafka record of partition 3, offset 17, with a key, written at NOW_MS. */
    static ConsumerRecord<byte[], byte[]> kafka(byte[] value) {
        return kafka(value, NOW_MS);
    }

    static ConsumerRecord<byte[], byte[]> kafka(byte[] value, long timestampMs) {
        RecordHeaders headers = new RecordHeaders();
        headers.add("trace", new byte[] {1, 2});
        return new ConsumerRecord<>(
                "shop.purchases", 3, 17, timestampMs, TimestampType.CREATE_TIME, 1, 0, new byte[] {7}, value, headers,
                java.util.Optional.empty());
    }

    /** What comes out for one record; it is not used again. */
    static Decoded decode(EventDeserializer deserializer, byte[] value) throws IOException {
        return decode(deserializer, value, NOW_MS);
    }

    static Decoded decode(EventDeserializer deserializer, byte[] value, long timestampMs) throws IOException {
        List<Decoded> out = new ArrayList<>();
        deserializer.deserialize(kafka(value, timestampMs), new ListCollector(out));
        if (out.size() != 1) {
            throw new IllegalStateException(out.size() + " results for one record");
        }
        return out.get(0);
    }

    static DeadLetter reject(EventDeserializer deserializer, byte[] value) throws IOException {
        Decoded decoded = decode(deserializer, value);
        if (decoded.isEvent()) {
            throw new IllegalStateException("not rejected");
        }
        return decoded.rejected();
    }

    private record ListCollector(List<Decoded> into) implements Collector<Decoded> {
        @Override
        public void collect(Decoded decoded) {
            into.add(decoded);
        }

        @Override
        public void close() {}
    }
}
