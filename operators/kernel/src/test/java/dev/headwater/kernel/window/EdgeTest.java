package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EdgeTest {
    private static final long S = 1_000_000;

    /**
     * Length 60 s, resolution 10 s, in seconds:
     *
     * <pre>
     *   event 25:  [20 ...... 30) leaves when the start reaches 30, at clock 90
     * </pre>
     */
    @ParameterizedTest
    @CsvSource({"25, 90", "20, 90", "29.999999, 90", "30, 100", "0, 70"})
    void anEventLeavesWithItsWholeStepOfTheResolution(double event, long tick) {
        assertEquals(tick * S, new Edge.Following(60 * S, 10 * S).tick(Math.round(event * S)));
    }

    @ParameterizedTest
    @CsvSource({"89.999999, 20", "90, 30", "60, 0", "59.999999, -10", "0, -60"})
    void theStartMovesInStepsOfTheResolution(double clock, long start) {
        assertEquals(start * S, new Edge.Following(60 * S, 10 * S).at(Math.round(clock * S)));
    }

    @Test
    void theTickIsTheFirstClockAtWhichTheEventHasPassed() {
        Random random = new Random(1);
        for (int i = 0; i < 10_000; i++) {
            Edge edge = new Edge.Following((1 + random.nextInt(500)) * S, (1 + random.nextInt(60)) * S);
            long event = random.nextLong(10_000 * S);
            long tick = edge.tick(event);
            assertTrue(edge.at(tick) > event);
            assertTrue(edge.at(tick - 1) <= event);
        }
    }
}
