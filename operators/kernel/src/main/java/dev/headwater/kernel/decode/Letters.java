package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.DeadLetter;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.Header;

/**
 * Writes dead letters that are sure to fit into their topic, however long the record was: with its value, key and headers
 * if they fit into the cap together, so that it can be sent again; else with its value's SHA-256 and length, and as many
 * headers as fit.
 */
final class Letters {
    /** Headers of a record that does not fit are kept up to this, or up to the cap if that is less. */
    static final int HEADERS_CAP_BYTES = 64 * 1024;

    /** At most three bytes each. Names of expectations stand first: those of all of a source's fit. */
    static final int DETAIL_CAP_CHARS = 4000;

    /** More than Avro adds to a header. */
    private static final int HEADER_OVERHEAD_BYTES = 12;

    private final int capBytes;

    Letters(int capBytes) {
        this.capBytes = capBytes;
    }

    /** {@code schemaId}, {@code entityKey} and {@code eventTimeUs} are null where they could not be read. */
    DeadLetter of(
            ConsumerRecord<byte[], byte[]> record,
            Integer schemaId,
            RejectedException rejected,
            byte[] entityKey,
            Long eventTimeUs) {
        byte[] value = record.value();
        long headerBytes = 0;
        for (Header header : record.headers()) {
            headerBytes += size(header);
        }
        boolean fits = length(value) + length(record.key()) + headerBytes <= capBytes;
        String detail = rejected.getMessage();
        return new DeadLetter(
                rejected.reason(),
                detail.length() > DETAIL_CAP_CHARS ? detail.substring(0, DETAIL_CAP_CHARS) : detail,
                record.topic(),
                record.partition(),
                record.offset(),
                record.timestamp(),
                schemaId,
                entityKey,
                eventTimeUs,
                fits ? value : null,
                length(value),
                fits || value == null ? null : sha256(value),
                headers(record, fits ? capBytes : Math.min(capBytes, HEADERS_CAP_BYTES)),
                fits ? record.key() : null);
    }

    /** The first headers that fit. A name that stands several times, which Kafka allows, has its last value. */
    private static Map<String, byte[]> headers(ConsumerRecord<byte[], byte[]> record, long room) {
        Map<String, byte[]> kept = new LinkedHashMap<>();
        long size = 0;
        for (Header header : record.headers()) {
            size += size(header);
            if (size > room) {
                break;
            }
            kept.put(header.key(), header.value() == null ? new byte[0] : header.value());
        }
        return kept;
    }

    private static long size(Header header) {
        return HEADER_OVERHEAD_BYTES + header.key().getBytes(StandardCharsets.UTF_8).length + length(header.value());
    }

    private static long length(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    private static String sha256(byte[] value) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
