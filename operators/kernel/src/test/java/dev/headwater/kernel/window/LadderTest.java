package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.headwater.kernel.plan.PlanException;
import org.junit.jupiter.api.Test;

class LadderTest {
    private static final long S = 1_000_000;

    @Test
    void theLevelsAreTheDistinctResolutions() {
        Ladder ladder = new Ladder(60 * S, S, 60 * S, 10 * S);
        assertEquals(3, ladder.levels());
        assertEquals(S, ladder.sizeUs(0));
        assertEquals(60 * S, ladder.sizeUs(2));
    }

    @Test
    void resolutionsThatDoNotNestAreRefused() {
        assertThrows(PlanException.class, () -> new Ladder(10 * S, 15 * S));
    }

    @Test
    void aTileStartsAtAMultipleOfItsSize() {
        Ladder ladder = new Ladder(S, 10 * S);
        assertEquals(1234 * S, ladder.tileStart(1234 * S + 999_999, 0));
        assertEquals(1230 * S, ladder.tileStart(1234 * S + 999_999, 1));
        assertEquals(0, ladder.tileStart(9 * S, 1));
    }

    /**
     * At clock 1000 s: the 60 s window by 1 s starts at 940, the 300 s window by 10 s at 700.
     *
     * <pre>
     *   ---- 1 min ----|---- 10 s ----|---- 1 s ----|
     *                 700            940          1000
     * </pre>
     */
    @Test
    void aTileMayBeCoarseOnlyBeforeTheStartsOfAllFinerWindows() {
        Ladder ladder = new Ladder(S, 10 * S, 60 * S);
        ViewWindow[] windows = {sliding(3600, 60), sliding(60, 1), sliding(300, 10)};
        long[] bounds = new long[3];
        ladder.coarseBefore(windows, 1000 * S, bounds);
        assertArrayEquals(new long[] {Long.MAX_VALUE, 940 * S, 700 * S}, bounds);
    }

    @Test
    void thePastOfAnEndlessWindowIsKeptInTilesOfDoublingSizes() {
        Ladder ladder = Ladder.of(sliding(3600, 60), new ViewWindow(null, null, null, 1L << 58));
        assertEquals(60 * S, ladder.sizeUs(0));
        assertEquals(120 * S, ladder.sizeUs(1));
        assertEquals(60 * S << (ladder.levels() - 1), ladder.sizeUs(ladder.levels() - 1));
    }

    private static ViewWindow sliding(long lengthSeconds, long resolutionSeconds) {
        return new ViewWindow(
                new Edge.Following(lengthSeconds * S, resolutionSeconds * S), null, null, resolutionSeconds * S);
    }
}
