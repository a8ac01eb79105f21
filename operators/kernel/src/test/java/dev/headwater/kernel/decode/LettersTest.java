package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.log.DeadLetterSerializer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class LettersTest {
    /** {@code max.message.bytes} of a topic, unless it says otherwise. */
    private static final int BROKER_LIMIT_BYTES = 1_048_588;
    /** Of a record around its value: more than Kafka's batch and record need. */
    private static final int RECORD_OVERHEAD_BYTES = 512;

    private static final int DEFAULT_CAP_BYTES = 256 * 1024;
    /** The greatest that pipelines/settings.py allows. */
    private static final int GREATEST_CAP_BYTES = 900 * 1024;

    private static final byte[] KEY = {7, 8};

    @Test
    void aValueAtTheBrokersLimitLeavesItsDigestAndLengthAndFits() throws Exception {
        byte[] value = new byte[BROKER_LIMIT_BYTES];
        value[17] = 1;
        DeadLetter letter = letter(DEFAULT_CAP_BYTES, value, KEY, 3, 10);
        assertNull(letter.value());
        assertNull(letter.recordKey());
        assertEquals(BROKER_LIMIT_BYTES, letter.valueBytes());
        assertEquals(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value)), letter.valueSha256());
        assertEquals(3, letter.headers().size());
        assertTrue(written(letter) < 20_000);
    }

    @Test
    void whatFitsIsKeptWholeUpToTheLastByte() throws Exception {
        int room = DEFAULT_CAP_BYTES - KEY.length - 2 * (10 + "header-0".length() + 12);
        DeadLetter whole = letter(DEFAULT_CAP_BYTES, new byte[room], KEY, 2, 10);
        assertEquals(room, whole.value().length);
        assertArrayEquals(KEY, whole.recordKey());
        assertEquals(2, whole.headers().size());
        assertNull(whole.valueSha256());
        assertNull(letter(DEFAULT_CAP_BYTES, new byte[room + 1], KEY, 2, 10).value());
        assertNull(letter(DEFAULT_CAP_BYTES, new byte[room], new byte[3], 2, 10).value());
        assertNull(letter(DEFAULT_CAP_BYTES, new byte[room], KEY, 2, 11).value());
    }

    @Test
    void theGreatestCapLeavesRoomForAllThatALetterHasBeside() throws Exception {
        DeadLetter letter = letter(GREATEST_CAP_BYTES, new byte[GREATEST_CAP_BYTES - KEY.length], KEY, 0, 0);
        assertEquals(GREATEST_CAP_BYTES - KEY.length, letter.value().length);
        assertTrue(written(letter) + RECORD_OVERHEAD_BYTES < BROKER_LIMIT_BYTES);
    }

    @Test
    void headersWithoutEndAreCutOffHoweverShortTheyAre() throws Exception {
        for (int size : new int[] {0, 1000}) {
            DeadLetter letter = letter(DEFAULT_CAP_BYTES, new byte[10], KEY, 30_000, size);
            assertNull(letter.value());
            assertTrue(written(letter) < 2 * Letters.HEADERS_CAP_BYTES);
        }
    }

    @Test
    void aRecordWithoutValueKeepsItsKey() throws Exception {
        DeadLetter letter = letter(DEFAULT_CAP_BYTES, null, KEY, 1, 10);
        assertArrayEquals(KEY, letter.recordKey());
        assertNull(letter.valueSha256());
        assertEquals(0, letter.valueBytes());
    }

    /** The longest letter of such a record: with the longest detail, in characters of three bytes, and entity key. */
    private static DeadLetter letter(int capBytes, byte[] value, byte[] key, int headerCount, int headerBytes) {
        RecordHeaders headers = new RecordHeaders();
        for (int i = 0; i < headerCount; i++) {
            headers.add("header-" + i, new byte[headerBytes]);
        }
        var record = new ConsumerRecord<>(
                "t".repeat(249), 3, 17, Events.NOW_MS, TimestampType.CREATE_TIME, 2, 0, key, value, headers,
                Optional.empty());
        var rejected = new RejectedException(Reason.EXPECTATION_FAILED, "\u20ac".repeat(5000));
        return new Letters(capBytes).of(record, 1, rejected, new byte[4096], 0L);
    }

    private static int written(DeadLetter letter) throws IOException {
        try (InputStream schema = LettersTest.class.getResourceAsStream("dead_letter.avsc")) {
            String text = new String(schema.readAllBytes(), StandardCharsets.UTF_8);
            DeadLetterSerializer serializer = new DeadLetterSerializer("letters", 1, text, 1);
            serializer.open(null, null);
            return serializer.serialize(letter, null, null).value().length;
        }
    }
}
