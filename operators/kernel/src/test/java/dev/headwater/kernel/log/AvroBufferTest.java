package dev.headwater.kernel.log;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

class AvroBufferTest {
    @Test
    void numbersOfEveryLengthAreWrittenAsAvroDoes() throws IOException {
        Random random = new Random(1);
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        BinaryEncoder avro = EncoderFactory.get().binaryEncoder(expected, null);
        AvroBuffer buffer = new AvroBuffer();
        for (int bits = 0; bits < 64; bits++) {
            for (int i = 0; i < 200; i++) {
                long number = random.nextLong() >> bits;
                for (long near : new long[] {number, -number, number - 1, Long.MIN_VALUE >> bits, Long.MAX_VALUE >> bits}) {
                    avro.writeLong(near);
                    buffer.writeLong(near);
                    avro.writeIndex(1);
                    avro.writeLong(near);
                    buffer.writeNotNullLong(near);
                }
            }
        }
        avro.flush();
        assertArrayEquals(expected.toByteArray(), buffer.toBytes());
    }
}
