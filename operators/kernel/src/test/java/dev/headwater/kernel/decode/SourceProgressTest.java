package dev.headwater.kernel.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.api.Test;

class SourceProgressTest {
    private static final long UNKNOWN = SourceProgress.UNKNOWN;
    private static final Set<Integer> BOTH = Set.of(0, 1);

    private final SourceProgress progress = new SourceProgress(0);
    private long responses;

    @Test
    void silenceIsNoEndOfAPartitionThatNoBrokerHasAnsweredForHoweverLongItLasts() {
        for (long nowMs = 1_000; nowMs < 60_000; nowMs += 1_000) {
            assertEquals(UNKNOWN, ask(nowMs, Set.of(0)));
        }
        assertEquals(UNKNOWN, ask(60_000, BOTH));
        assertEquals(60_900, ask(61_000, BOTH));
    }

    @Test
    void aPartitionThatIsReadDoesNotVouchForAnotherThatNoBrokerHasAnsweredFor() {
        progress.passed(0, 49_500);
        assertEquals(UNKNOWN, ask(50_000, Set.of(0)));
        progress.passed(0, 50_500);
        progress.passed(1, 20_000);
        assertEquals(20_000, ask(51_000, BOTH));
    }

    @Test
    void aPartitionThatHasMoreToReadIsOnlyAsFarAsItsNewestRecord() {
        progress.passed(0, 49_500);
        progress.passed(1, 49_600);
        ask(50_000, BOTH);
        for (long nowMs = 51_000; nowMs < 90_000; nowMs += 1_000) {
            progress.passed(0, nowMs - 100);
            assertEquals(49_600, ask(nowMs, Set.of(0)));
        }
    }

    @Test
    void whatAClientHasReadMayStillBeOnItsWayHere() {
        ask(9_000, Set.of(0));
        assertEquals(UNKNOWN, ask(10_000, BOTH));
        progress.passed(1, 3_000);
        assertEquals(3_000, ask(11_000, BOTH));
    }

    @Test
    void silenceOfAClientThatBrokersDoNotAnswerIsNoEnd() {
        ask(9_000, BOTH);
        assertEquals(9_900, ask(10_000, BOTH));
        responses--;
        assertEquals(UNKNOWN, ask(11_000, BOTH));
        assertEquals(11_900, ask(12_000, BOTH));
    }

    @Test
    void aClientThatWasNotYetToldWhatToReadHasNotReadIt() {
        assertEquals(UNKNOWN, progress.asOf(20_000, false, new Fetches(1, 0, Set.of(), Set.of())));
    }

    @Test
    void aSubtaskWithoutPartitionsHoldsNobodyUp() {
        assertEquals(UNKNOWN, progress.asOf(4_000, false, Fetches.NONE));
        assertEquals(5_900, progress.asOf(6_000, false, Fetches.NONE));
    }

    /** Asks at a time by which brokers have answered once more, and left nothing to read of these partitions. */
    private long ask(long nowMs, Set<Integer> ended) {
        return progress.asOf(nowMs, false, new Fetches(1, ++responses, BOTH, ended));
    }
}
