package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepTest {
    private static final long S = 1_000_000;

    @ParameterizedTest
    @ValueSource(longs = {S, 7 * S, 10 * S, 60 * S, 600 * S, 3600 * S, 86_400 * S, 1L << 36, (1L << 36) + 1})
    void aStepStartsWhereADivisionSays(long length) {
        Step step = Step.of(length);
        Random random = new Random(1);
        for (int i = 0; i < 100_000; i++) {
            long time = random.nextLong() >> random.nextInt(64);
            long edge = Math.floorDiv(time, length) * length;
            for (long near : new long[] {time, edge, edge - 1, edge + 1}) {
                assertEquals(Math.floorDiv(near, length) * length, step.start(near));
            }
        }
    }

    @Test
    void theLatestTimesOfEventsAreCutRightly() {
        for (long time = WindowScan.END_OF_TIME_US - 3 * S; time < WindowScan.END_OF_TIME_US; time += 999) {
            assertEquals(time - time % S, Step.of(S).start(time));
        }
    }
}
