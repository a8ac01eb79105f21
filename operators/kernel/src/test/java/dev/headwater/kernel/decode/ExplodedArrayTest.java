package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Reason;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Orders whose items are the events, written byte by byte: the array stands before the customer and the time. */
class ExplodedArrayTest {
    private static final String ORDER = """
            {"type": "record", "name": "Order", "fields": [
              {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
                {"name": "sku", "type": "string"}, {"name": "price", "type": ["null", "double"]}]}}},
              {"name": "customer", "type": "string"},
              {"name": "at", "type": "long"}]}""";

    private final SimpleCounter filtered = new SimpleCounter();
    private FakeRegistry registry;
    private EventDeserializer deserializer;

    @BeforeEach
    void start() throws Exception {
        registry = new FakeRegistry().with(1, new Schema.Parser().parse(ORDER));
        deserializer = new EventDeserializer(
                plan(), 0, "{\"registry_url\":\"" + registry.url() + "\",\"unknown_schema_wait_ms\":0,\"dead_letter_cap_bytes\":262144}");
        deserializer.open(registry.client(0), filtered);
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void eachElementIsAnEventWithTheFieldsAroundTheArray() throws Exception {
        assertEquals(List.of("0 1.5", "1 2.5"), events(order(new Bytes().count(2).item("a", 1.5).item("b", 2.5).count(0))));
    }

    @Test
    void anEmptyArrayIsNoEventButTellsThatItsRecordWasRead() throws Exception {
        Decoded empty = decode(order(new Bytes().count(0))).get(0);
        assertTrue(!empty.isEvent() && !empty.isRejected());
        assertEquals(3, empty.partition());
        assertEquals(Events.NOW_MS, empty.timestampMs());
        assertEquals(0, filtered.getCount());
    }

    @Test
    void whatConditionsKeepOutIsCountedAndTheOthersKeepTheirPlaces() throws Exception {
        Bytes items = new Bytes().count(3).item("a", 1.5).item("b", -1.0).item("c", 2.5).count(0);
        assertEquals(List.of("0 1.5", "2 2.5"), events(order(items)));
        assertEquals(1, filtered.getCount());
    }

    @Test
    void aBadElementRejectsTheWholeRecordOnce() throws Exception {
        Bytes items = new Bytes().count(3).item("a", 1.5).item("b", Double.NaN).item("c", 2.5).count(0);
        expect(Reason.NOT_FINITE, order(items));
        assertEquals(0, filtered.getCount());
    }

    @Test
    void blocksThatSayTheirSizeAreReadWhateverTheySay() throws Exception {
        Bytes items = new Bytes().count(-1).count(11).item("a", 1.5).count(-1).count(-7).item("b", 2.5).count(0);
        assertEquals(List.of("0 1.5", "1 2.5"), events(order(items)));
    }

    @Test
    void forgedCountsAreMalformedAndCostNothing() throws Exception {
        for (long count : new long[] {1_000_000, Long.MAX_VALUE, Long.MIN_VALUE, -1_000_000, 1L << 40}) {
            expect(Reason.MALFORMED, order(new Bytes().count(count).count(1).item("a", 1.5).count(0)));
        }
    }

    @Test
    void aCountOfMoreElementsThanThereAreIsRejected() throws Exception {
        DeadLetter letter = decode(order(new Bytes().count(5).item("a", 1.5).count(0))).get(0).rejected();
        assertTrue(letter.reason() == Reason.TRUNCATED || letter.reason() == Reason.MALFORMED, letter.detail());
    }

    @Test
    void moreThan65535ElementsAreMalformed() throws Exception {
        Bytes items = new Bytes().count(65_535);
        for (int i = 0; i < 65_535; i++) {
            items.item("", 1.5);
        }
        assertEquals(65_535, decode(order(items.copy().count(0))).size());
        expect(Reason.MALFORMED, order(items.count(1).item("", 1.5).count(0)));
    }

    private List<String> events(byte[] record) throws Exception {
        return decode(record).stream().map(decoded -> decoded.event().index + " " + decoded.event().decimal(0)).toList();
    }

    private void expect(Reason reason, byte[] record) throws Exception {
        List<Decoded> found = decode(record);
        assertEquals(1, found.size());
        assertEquals(reason, found.get(0).rejected().reason(), found.get(0).rejected().detail());
    }

    /** Copies of all that comes out of one record. */
    private List<Decoded> decode(byte[] record) throws Exception {
        List<Decoded> found = new ArrayList<>();
        deserializer.deserialize(Events.kafka(record), new Collector<>() {
            @Override
            public void collect(Decoded decoded) {
                found.add(Decoded.Serializer.INSTANCE.copy(decoded));
            }

            @Override
            public void close() {}
        });
        return found;
    }

    private static byte[] order(Bytes items) {
        Bytes frame = new Bytes();
        frame.out.writeBytes(new byte[] {0, 0, 0, 0, 1});
        frame.out.writeBytes(items.out.toByteArray());
        return frame.text("anna").count(Events.NOW_MS).out.toByteArray();
    }

    private static String plan() throws Exception {
        ObjectMapper json = new ObjectMapper();
        ObjectNode plan = (ObjectNode) json.readTree(Events.planJson());
        ObjectNode source = (ObjectNode) plan.get("sources").get(0);
        source.set("reader_schema", json.readTree(ORDER));
        source.set("explode", json.readTree("[\"items\"]"));
        source.set("key", json.readTree("[{\"path\": [\"customer\"]}]"));
        source.set("event_time", json.readTree("{\"path\": [\"at\"], \"unit\": \"ms\"}"));
        source.set("columns", json.readTree("[{\"path\": [\"items\", \"price\"]}, null, null]"));
        source.set("where", json.readTree("[\"items.price >= 0.0\"]"));
        source.set("variables", json.readTree("""
                [{"name": "items.price", "path": ["items", "price"], "type": "double", "nullable": true}]"""));
        return plan.toString();
    }

    /** Avro binary. */
    private static final class Bytes {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Bytes count(long value) {
            long rest = (value << 1) ^ (value >> 63);
            for (; (rest & ~0x7fL) != 0; rest >>>= 7) {
                out.write((int) (rest & 0x7f | 0x80));
            }
            out.write((int) rest);
            return this;
        }

        Bytes text(String text) {
            count(text.length());
            out.writeBytes(text.getBytes(StandardCharsets.UTF_8));
            return this;
        }

        Bytes item(String sku, double price) {
            text(sku).count(1);
            out.writeBytes(ByteBuffer.allocate(Double.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putDouble(price)
                    .array());
            return this;
        }

        Bytes copy() {
            Bytes copy = new Bytes();
            copy.out.writeBytes(out.toByteArray());
            return copy;
        }
    }
}
