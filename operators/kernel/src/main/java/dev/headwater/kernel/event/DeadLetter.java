package dev.headwater.kernel.event;

import dev.headwater.kernel.plan.Plan;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * An event that was not aggregated, and all that is kept of it. Immutable.
 *
 * @param recordTimestampMs the Kafka record's timestamp
 * @param schemaId null where it could not be read
 * @param entityKey canonical key, null where it could not be read
 * @param eventTimeUs null where it could not be read
 * @param value the event as it came, null if it was null or is too long to keep
 * @param valueBytes its length
 * @param valueSha256 in hexadecimal, null unless the value was too long to keep
 * @param recordKey the Kafka record's key, null if it had none or the value is not kept
 */
public record DeadLetter(
        Reason reason,
        String detail,
        String topic,
        int partition,
        long offset,
        long recordTimestampMs,
        Integer schemaId,
        byte[] entityKey,
        Long eventTimeUs,
        byte[] value,
        long valueBytes,
        String valueSha256,
        Map<String, byte[]> headers,
        byte[] recordKey) {
    public static final TypeInformation<DeadLetter> TYPE =
            new ValueTypeInfo<>(DeadLetter.class, false, Serializer.INSTANCE);

    /** The letter of an event that came too late for every window. It has a position but no value. */
    public static DeadLetter of(LateEvent late, Plan plan) {
        return new DeadLetter(
                Reason.LATE,
                "older than every window of its key",
                plan.sources().get(late.source()).topic(),
                late.partition(),
                late.offset(),
                late.ingestedAtMs(),
                null,
                late.key().bytes(),
                late.eventTimeUs(),
                null,
                0,
                null,
                Map.of(),
                null);
    }

    /** Used where the letter leaves its task. */
    public static final class Serializer extends ValueSerializer<DeadLetter> {
        public static final Serializer INSTANCE = new Serializer();
        private static final long serialVersionUID = 1L;

        @Override
        public boolean isImmutableType() {
            return true;
        }

        @Override
        public DeadLetter createInstance() {
            return new DeadLetter(Reason.MALFORMED, "", "", 0, 0, 0, null, null, null, null, 0, null, Map.of(), null);
        }

        @Override
        public DeadLetter copy(DeadLetter from) {
            return from;
        }

        @Override
        public void serialize(DeadLetter letter, DataOutputView target) throws IOException {
            target.writeUTF(letter.reason.name());
            writeText(letter.detail, target);
            writeText(letter.topic, target);
            target.writeInt(letter.partition);
            target.writeLong(letter.offset);
            target.writeLong(letter.recordTimestampMs);
            writeOptional(letter.schemaId == null ? null : Long.valueOf(letter.schemaId), target);
            writeOptional(letter.entityKey, target);
            writeOptional(letter.eventTimeUs, target);
            writeOptional(letter.value, target);
            target.writeLong(letter.valueBytes);
            writeOptional(letter.valueSha256 == null ? null : utf8(letter.valueSha256), target);
            writeLength(letter.headers.size(), target);
            for (Map.Entry<String, byte[]> header : letter.headers.entrySet()) {
                writeText(header.getKey(), target);
                writeBytes(header.getValue(), target);
            }
            writeOptional(letter.recordKey, target);
        }

        @Override
        public DeadLetter deserialize(DataInputView source) throws IOException {
            Reason reason = Reason.valueOf(source.readUTF());
            String detail = readText(source);
            String topic = readText(source);
            int partition = source.readInt();
            long offset = source.readLong();
            long recordTimestampMs = source.readLong();
            Long schemaId = readOptionalLong(source);
            byte[] entityKey = readOptionalBytes(source);
            Long eventTimeUs = readOptionalLong(source);
            byte[] value = readOptionalBytes(source);
            long valueBytes = source.readLong();
            byte[] digest = readOptionalBytes(source);
            Map<String, byte[]> headers = new LinkedHashMap<>();
            for (int left = readLength(source); left > 0; left--) {
                headers.put(readText(source), readBytes(source));
            }
            byte[] recordKey = readOptionalBytes(source);
            return new DeadLetter(
                    reason,
                    detail,
                    topic,
                    partition,
                    offset,
                    recordTimestampMs,
                    schemaId == null ? null : schemaId.intValue(),
                    entityKey,
                    eventTimeUs,
                    value,
                    valueBytes,
                    digest == null ? null : text(digest),
                    headers,
                    recordKey);
        }

        @Override
        public TypeSerializerSnapshot<DeadLetter> snapshotConfiguration() {
            return new Snapshot();
        }

        private static void writeText(String text, DataOutputView target) throws IOException {
            writeBytes(utf8(text), target);
        }

        private static String readText(DataInputView source) throws IOException {
            return text(readBytes(source));
        }

        private static void writeOptional(Long value, DataOutputView target) throws IOException {
            target.writeBoolean(value != null);
            if (value != null) {
                target.writeLong(value);
            }
        }

        private static Long readOptionalLong(DataInputView source) throws IOException {
            return source.readBoolean() ? source.readLong() : null;
        }

        private static void writeOptional(byte[] value, DataOutputView target) throws IOException {
            target.writeBoolean(value != null);
            if (value != null) {
                writeBytes(value, target);
            }
        }

        private static byte[] readOptionalBytes(DataInputView source) throws IOException {
            return source.readBoolean() ? readBytes(source) : null;
        }

        private static byte[] utf8(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }

        private static String text(byte[] bytes) {
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }

    /** Names the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<DeadLetter> {
        public Snapshot() {
            super(() -> Serializer.INSTANCE);
        }
    }
}
