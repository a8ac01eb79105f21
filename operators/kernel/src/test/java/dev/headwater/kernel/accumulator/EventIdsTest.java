package dev.headwater.kernel.accumulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.headwater.kernel.accumulator.EventIds.Found;
import dev.headwater.kernel.event.Event;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EventIdsTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8, 9, 40, 3000})
    void anEventIsNewExactlyOnce(int range) {
        Random random = new Random(range);
        EventIds ids = new EventIds();
        Set<Integer> seen = new HashSet<>();
        for (int i = 0; i < 3 * range; i++) {
            int id = random.nextInt(range);
            assertEquals(seen.add(id) ? Found.NEW : Found.COPY, ids.add(event(id, 1)));
        }
        assertEquals(seen.size(), ids.size());
    }

    @Test
    void aCopyWithOtherValuesIsToldApart() {
        EventIds ids = new EventIds();
        ids.add(event(7, 1));
        assertEquals(Found.CONFLICTING_COPY, ids.add(event(7, 2)));
        assertEquals(Found.COPY, ids.add(event(7, 1)));
    }

    @Test
    void whatIsWrittenIsReadAndTakesTwelveBytesAnEvent() throws IOException {
        EventIds ids = new EventIds();
        for (int id = 0; id < 1000; id++) {
            ids.add(event(id, 1));
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ids.write(new DataOutputStream(bytes));
        assertEquals(4 + 12 * 1000, bytes.size());
        EventIds read = EventIds.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        assertEquals(1000, read.size());
        for (int id = 0; id < 1000; id++) {
            assertEquals(Found.COPY, read.add(event(id, 1)));
        }
    }

    @Test
    void aUnionKnowsWhatEitherKnew() {
        EventIds one = new EventIds();
        EventIds other = new EventIds();
        for (int id = 0; id < 30; id++) {
            one.add(event(id, 1));
            other.add(event(id + 20, 1));
        }
        EventIds copy = one.copy();
        one.addAll(other);
        assertEquals(50, one.size());
        assertEquals(30, copy.size());
    }

    private static Event event(int id, long value) {
        Event event = new Event(1);
        event.id = ByteBuffer.allocate(4).putInt(id).array();
        event.eventTimeUs = 1_000_000;
        event.setNumber(0, value);
        return event;
    }
}
