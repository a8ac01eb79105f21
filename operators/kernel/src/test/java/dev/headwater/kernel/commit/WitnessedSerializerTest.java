package dev.headwater.kernel.commit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.junit.jupiter.api.Test;

final class WitnessedSerializerTest {
    private final WitnessedSerializer<String> serializer = new WitnessedSerializer<>(new Texts());

    @Test
    void aTransactionComesBackWithItsWitness() throws IOException {
        for (Witness witness : new Witness[] {new Witness("log", 3, 1L << 40), null}) {
            Witnessed<String> written = new Witnessed<>("transaction", witness);
            byte[] bytes = SimpleVersionedSerialization.writeVersionAndSerialize(serializer, written);
            assertEquals(written, SimpleVersionedSerialization.readVersionAndDeSerialize(serializer, bytes));
        }
    }

    @Test
    void aTransactionOfAJobThatKeptNoWitnessesIsRead() throws IOException {
        byte[] before = SimpleVersionedSerialization.writeVersionAndSerialize(new Texts(), "transaction");
        assertEquals(
                new Witnessed<>("transaction", null),
                SimpleVersionedSerialization.readVersionAndDeSerialize(serializer, before));
    }

    @Test
    void theBytesStayAsTheyAreReadByLaterVersions() throws IOException {
        byte[] expected = {1, 0, 1, 'l', 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 1, 't'};
        assertArrayEquals(expected, serializer.serialize(new Witnessed<>("t", new Witness("l", 3, 17))));
    }

    private static final class Texts implements SimpleVersionedSerializer<String> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public String deserialize(int version, byte[] bytes) {
            assertEquals(1, version);
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }
}
