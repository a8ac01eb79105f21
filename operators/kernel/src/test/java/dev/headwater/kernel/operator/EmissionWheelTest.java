package dev.headwater.kernel.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.event.Key;
import dev.headwater.kernel.harness.Events;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EmissionWheelTest {
    @Test
    void aKeyComesNoEarlierThanDueAndAtMostAStepLater() throws Exception {
        EmissionWheel wheel = new EmissionWheel(200);
        Random random = new Random(1);
        Map<Key, Long> due = new HashMap<>();
        for (long now = 0; now < 20_000; now += random.nextInt(5)) {
            long present = now;
            wheel.drain(now, key -> {
                long dueMs = due.remove(key);
                assertTrue(dueMs <= present && present <= dueMs + wheel.stepMs() + 5, dueMs + " at " + present);
            });
            Key key = Events.key("k" + now);
            if (random.nextInt(10) > 0 && !due.containsKey(key)) {
                long dueMs = now + random.nextInt(201);
                due.put(key, dueMs);
                assertTrue(wheel.add(key, dueMs, now) >= dueMs);
            }
            assertEquals(due.size(), wheel.size());
        }
    }

    @Test
    void whereDrainingLagsAKeyIsNeverHeldLongerThanDue() throws Exception {
        EmissionWheel wheel = new EmissionWheel(200);
        wheel.add(Events.key("early"), 100, 0);
        // Nobody drained for ten turns of the wheel.
        wheel.add(Events.key("after"), 2200, 2000);
        assertEquals(List.of("early", "after"), drained(wheel, 2206));
        assertEquals(0, wheel.size());
    }

    @Test
    void aFlushTakesAllAndLeavesTheWheelUsable() throws Exception {
        EmissionWheel wheel = new EmissionWheel(200);
        wheel.add(Events.key("a"), 1100, 1000);
        wheel.add(Events.key("b"), 1200, 1000);
        List<String> flushed = new ArrayList<>();
        wheel.flush(key -> flushed.add(name(key)));
        assertEquals(List.of("a", "b"), flushed);
        long dueAt = wheel.add(Events.key("c"), 1050, 1010);
        assertEquals(dueAt, wheel.nextDueMs());
        assertEquals(List.of(), drained(wheel, 1049));
        assertEquals(List.of("c"), drained(wheel, dueAt));
    }

    private static List<String> drained(EmissionWheel wheel, long nowMs) throws Exception {
        List<String> keys = new ArrayList<>();
        wheel.drain(nowMs, key -> keys.add(name(key)));
        return keys;
    }

    private static String name(Key key) {
        return new String(key.bytes(), 1, key.bytes().length - 1, StandardCharsets.UTF_8);
    }
}
