package dev.headwater.kernel.harness;

import dev.headwater.kernel.event.LogRecord;
import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/** A row of the feature log as a reader sees it. Times of the header are microseconds. */
public record Row(
        String user,
        double clock,
        long n,
        double emptyAt,
        double nextChange,
        String cause,
        long computedAtMs,
        ByteBuffer header,
        GenericRecord value) {
    private static final int FRAME_BYTES = 5;

    /** The rows among the records, heartbeats left out. */
    public static List<Row> of(Plan plan, List<LogRecord> records) {
        return records.stream().filter(r -> !r.isHeartbeat()).map(r -> of(plan, r)).toList();
    }

    public static Row of(Plan plan, LogRecord record) {
        ByteBuffer header = ByteBuffer.wrap(record.header());
        GenericRecord value = decode(plan, record.value());
        return new Row(
                value.get("user").toString(),
                header.getLong(8) / 1e6,
                header.getLong(16),
                header.getLong(48) / 1e6,
                header.getLong(56) / 1e6,
                header.get(64) == 0 ? "EVENT" : "EXPIRY",
                header.getLong(40),
                header,
                value);
    }

    /** The value of the nth feature of the plan. */
    public Object feature(int n) {
        return plain(value.get("f" + n));
    }

    /** Texts as strings, bytes in hexadecimal, arrays as lists, maps in the order in which they were written. */
    private static Object plain(Object value) {
        if (value instanceof CharSequence text) {
            return text.toString();
        }
        if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return HexFormat.of().formatHex(copy);
        }
        if (value instanceof List<?> items) {
            return items.stream().map(Row::plain).toList();
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> plain = new LinkedHashMap<>();
            map.forEach((key, item) -> plain.put(key.toString(), plain(item)));
            return plain;
        }
        return value;
    }

    /** The row in short, for literal tables: {@code user clock n cause}. */
    public String brief() {
        return user + " " + clock + " " + n + " " + cause;
    }

    private static GenericRecord decode(Plan plan, byte[] framed) {
        ByteBuffer frame = ByteBuffer.wrap(framed);
        if (frame.get() != 0 || frame.getInt() != KernelDriver.LOG_SCHEMA_ID) {
            throw new IllegalStateException("not framed: " + HexFormat.of().formatHex(framed));
        }
        BinaryDecoder decoder =
                DecoderFactory.get().binaryDecoder(framed, FRAME_BYTES, framed.length - FRAME_BYTES, null);
        try {
            Schema schema = new Schema.Parser().parse(plan.logSchema());
            GenericRecord value = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
            if (!decoder.isEnd()) {
                throw new IllegalStateException("bytes are left over");
            }
            return value;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
