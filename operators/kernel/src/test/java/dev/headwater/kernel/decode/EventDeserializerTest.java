package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Decoded;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.event.Reason;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EventDeserializerTest {
    private static final int AMOUNT = 0;
    private static final int CATEGORY = 1;
    private static final int PIECES = 2;

    private FakeRegistry registry;
    private EventDeserializer deserializer;

    @BeforeEach
    void start() throws Exception {
        registry = new FakeRegistry().with(1, Events.WRITER);
        deserializer = new EventDeserializer(
                Events.planJson(), 0, "{\"registry_url\":\"" + registry.url() + "\",\"unknown_schema_wait_ms\":0,\"dead_letter_cap_bytes\":262144}");
        deserializer.open(registry.client(0), new SimpleCounter());
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    @Test
    void aPurchaseBecomesAnEventWithCanonicalKeyAndColumns() throws Exception {
        Event event = accept(Events.purchase());
        assertArrayEquals(
                ByteBuffer.allocate(16).put((byte) 30).put("customer-000042".getBytes(StandardCharsets.UTF_8)).array(),
                event.key.bytes());
        assertEquals(Events.NOW_MS * 1000, event.eventTimeUs);
        assertEquals(Events.NOW_MS, event.ingestedAtMs);
        assertEquals(3, event.partition);
        assertEquals(17, event.offset);
        assertEquals(12.5, event.decimal(AMOUNT));
        assertEquals("BOOKS", new String(event.blob(CATEGORY), StandardCharsets.UTF_8));
        assertEquals(3, event.number(PIECES));
    }

    @Test
    void aNullAnywhereOnAPathIsANullColumn() throws Exception {
        accept(Events.purchase());
        Event event = accept(Events.purchase("item", null));
        assertTrue(event.isNull(CATEGORY));
        assertTrue(event.isNull(PIECES));
        assertTrue(accept(Events.purchase("amount", null)).isNull(AMOUNT));
    }

    @Test
    void anOlderWriterWithFewerAndNarrowerFieldsIsResolvedWithDefaults() throws Exception {
        Schema old = new Schema.Parser().parse("""
                {"type": "record", "name": "Purchase", "namespace": "shop", "fields": [
                  {"name": "amount", "type": "int"},
                  {"name": "item", "type": {"type": "record", "name": "Item", "fields": [
                    {"name": "category", "type": {"type": "enum", "name": "Category", "symbols": ["FOOD"]}}]}},
                  {"name": "customer_id", "type": "string"},
                  {"name": "purchased_at", "type": "int"}]}""");
        registry.with(2, old);
        GenericRecord item = new GenericData.Record(old.getField("item").schema());
        item.put("category", new GenericData.EnumSymbol(item.getSchema().getField("category").schema(), "FOOD"));
        GenericRecord purchase = new GenericData.Record(old);
        purchase.put("amount", 4);
        purchase.put("item", item);
        purchase.put("customer_id", "c");
        purchase.put("purchased_at", 1_000_000);
        Decoded decoded = Events.decode(deserializer, Events.frame(2, purchase));
        assertTrue(decoded.isEvent());
        assertEquals(4.0, decoded.event().decimal(AMOUNT));
        assertEquals("FOOD", new String(decoded.event().blob(CATEGORY), StandardCharsets.UTF_8));
        assertEquals(7, decoded.event().number(PIECES));
    }

    @Test
    void everyPoisonIsRejectedForItsOwnReasonAndTheNextEventFlows() throws Exception {
        byte[] good = Events.frame(1, Events.purchase());
        byte[] badMagic = good.clone();
        badMagic[0] = 7;
        byte[] unknown = good.clone();
        unknown[4] = 99;
        expect(Reason.NULL_VALUE, null);
        expect(Reason.BAD_MAGIC, badMagic);
        expect(Reason.TRUNCATED, new byte[] {0, 0, 0});
        expect(Reason.BAD_MAGIC, new byte[] {});
        expect(Reason.UNKNOWN_SCHEMA, unknown);
        expect(Reason.TRAILING_BYTES, Arrays.copyOf(good, good.length + 1));
        expect(Reason.MISSING_KEY, Events.frame(1, Events.purchase("customer_id", null)));
        expect(Reason.MISSING_KEY, Events.frame(1, Events.purchase("customer_id", "")));
        expect(Reason.KEY_TOO_LONG, Events.frame(1, Events.purchase("customer_id", "x".repeat(4095))));
        expect(Reason.MISSING_EVENT_TIME, Events.frame(1, Events.purchase("purchased_at", null)));
        expect(Reason.EVENT_TIME_OUT_OF_RANGE, Events.frame(1, Events.purchase("purchased_at", -1L)));
        expect(Reason.EVENT_TIME_OUT_OF_RANGE, Events.frame(1, Events.purchase("purchased_at", Long.MAX_VALUE)));
        expect(Reason.FUTURE_EVENT, Events.frame(1, Events.purchase("purchased_at", Events.NOW_MS + 60_001)));
        expect(Reason.NOT_FINITE, Events.frame(1, Events.purchase("amount", Double.NaN)));
        expect(Reason.NOT_FINITE, Events.frame(1, Events.purchase("amount", Double.NEGATIVE_INFINITY)));
        assertTrue(Events.decode(deserializer, good).isEvent());
    }

    @Test
    void theLimitsThemselvesAreStillValid() throws Exception {
        accept(Events.purchase("customer_id", "x".repeat(4094)));
        accept(Events.purchase("purchased_at", Events.NOW_MS + 60_000));
        accept(Events.purchase("purchased_at", 0L));
        accept(Events.purchase("discount", Float.NaN));
    }

    @Test
    void timeGoesOnUntilTheYear9996() throws Exception {
        long last = Instant.parse("9996-01-01T00:00:00Z").toEpochMilli() - 1;
        byte[] atTheEnd = Events.frame(1, Events.purchase("purchased_at", last));
        byte[] beyond = Events.frame(1, Events.purchase("purchased_at", last + 1));
        assertTrue(Events.decode(deserializer, atTheEnd, last).isEvent());
        for (Decoded rejected : List.of(
                Events.decode(deserializer, beyond, last), Events.decode(deserializer, atTheEnd, last + 1))) {
            assertEquals(Reason.EVENT_TIME_OUT_OF_RANGE, rejected.rejected().reason());
        }
    }

    @Test
    void anEventCutOffAtAnyByteIsTruncated() throws Exception {
        byte[] good = Events.frame(1, Events.purchase());
        for (int length = 1; length < good.length; length++) {
            expect(Reason.TRUNCATED, Arrays.copyOf(good, length));
        }
    }

    @Test
    void randomDamageNeverThrowsOrAllocatesWhatIsNotThere() throws Exception {
        byte[] good = Events.frame(1, Events.purchase());
        Random random = new Random(1);
        for (int i = 0; i < 200_000; i++) {
            byte[] damaged = good.clone();
            for (int hits = random.nextInt(4); hits >= 0; hits--) {
                damaged[5 + random.nextInt(good.length - 5)] = (byte) random.nextInt();
            }
            Events.decode(deserializer, damaged);
        }
        byte[] huge = {0, 0, 0, 0, 1, -2, -1, -1, -1, 15, 1, 1};
        expect(Reason.TRUNCATED, huge);
    }

    @Test
    void aForgedCountOfItemsIsMalformedAndNotLoopedOver() throws Exception {
        Schema hostile = new Schema.Parser().parse("""
                {"type": "record", "name": "Purchase", "fields": [
                  {"name": "nothing", "type": {"type": "array", "items": "null"}}]}""");
        registry.with(3, hostile);
        byte[] value = {0, 0, 0, 0, 3, -2, -1, -1, -1, -1, -1, -1, -1, 127, 0};
        expect(Reason.MALFORMED, value);
    }

    @Test
    void deepNestingIsMalformedAndDoesNotOverflowTheStack() throws Exception {
        Schema nested = new Schema.Parser().parse("""
                {"type": "record", "name": "Purchase", "fields": [
                  {"name": "list", "type": {"type": "record", "name": "Link", "fields": [
                    {"name": "next", "type": ["null", "Link"]}]}}]}""");
        registry.with(3, nested);
        byte[] value = new byte[500_000];
        Arrays.fill(value, (byte) 2);
        value[0] = value[1] = value[2] = value[3] = 0;
        value[4] = 3;
        expect(Reason.MALFORMED, value);
    }

    @Test
    void textThatIsNotUtf8IsMalformedWhereItIsNeeded() throws Exception {
        byte[] value = Events.frame(1, Events.purchase("customer_id", "customer-\u00e4"));
        value[indexOf(value, (byte) 0xc3)] = (byte) 0xff;
        expect(Reason.MALFORMED, value);
    }

    @Test
    void aWriterThatTheReaderCannotReadIsIncompatibleForAllItsEvents() throws Exception {
        Schema text = SchemaBuilder.record("Purchase").namespace("shop").fields().requiredString("amount").endRecord();
        registry.with(4, text);
        GenericRecord record = new GenericData.Record(text);
        record.put("amount", "12.50");
        expect(Reason.SCHEMA_INCOMPATIBLE, Events.frame(4, record));
        expect(Reason.SCHEMA_INCOMPATIBLE, Events.frame(4, record));
    }

    @Test
    void aDeadLetterSaysWhereTheEventStandsAndWhatCouldBeRead() throws Exception {
        byte[] value = Events.frame(1, Events.purchase("amount", Double.NaN));
        DeadLetter letter = Events.reject(deserializer, value);
        assertEquals("shop.purchases", letter.topic());
        assertEquals(3, letter.partition());
        assertEquals(17, letter.offset());
        assertEquals(Events.NOW_MS, letter.recordTimestampMs());
        assertEquals(1, letter.schemaId());
        assertEquals(Events.NOW_MS * 1000, letter.eventTimeUs());
        assertEquals(16, letter.entityKey().length);
        assertArrayEquals(value, letter.value());
        assertEquals(value.length, letter.valueBytes());
        assertArrayEquals(new byte[] {1, 2}, letter.headers().get("trace"));
        assertArrayEquals(new byte[] {7}, letter.recordKey());
    }

    @Test
    void aDeadLetterKeepsOnlyTheDigestOfAValueThatIsTooLong() throws Exception {
        DeadLetter letter = Events.reject(deserializer, new byte[300 * 1024]);
        assertEquals(Reason.UNKNOWN_SCHEMA, letter.reason());
        assertNull(letter.value());
        assertEquals(300 * 1024, letter.valueBytes());
        assertEquals(64, letter.valueSha256().length());
        assertNull(letter.recordKey());
    }

    private Event accept(GenericRecord purchase) throws Exception {
        Decoded decoded = Events.decode(deserializer, Events.frame(1, purchase));
        assertTrue(decoded.isEvent(), () -> String.valueOf(decoded.rejected()));
        return decoded.event();
    }

    private void expect(Reason reason, byte[] value) throws Exception {
        Decoded decoded = Events.decode(deserializer, value);
        assertFalse(decoded.isEvent(), reason.text());
        assertEquals(reason, decoded.rejected().reason(), decoded.rejected().detail());
    }

    private static int indexOf(byte[] bytes, byte wanted) {
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == wanted) {
                return i;
            }
        }
        throw new IllegalStateException("not there");
    }
}
