package dev.headwater.kernel.window;

import java.math.BigInteger;

/**
 * Cuts time into steps of one length, counted from 1970. A row asks for dozens of such cuts, and a division takes many
 * times as long as what follows from it, so it is done by a multiplication: with d the length and k = 58 + ceil(log2 d),
 * floor(t / d) = floor(t * ceil(2^k / d) / 2^k) for all t below 2^58, which all times of events are (Granlund and
 * Montgomery, Division by Invariant Integers using Multiplication, 1994, theorem 4.2). A step has at least 64 us.
 */
record Step(long lengthUs, long reciprocal, int shift) {
    private static final int TIME_BITS = 58;

    static Step of(long lengthUs) {
        int lengthBits = Long.SIZE - Long.numberOfLeadingZeros(lengthUs - 1);
        BigInteger length = BigInteger.valueOf(lengthUs);
        BigInteger scale = BigInteger.ONE.shiftLeft(TIME_BITS + lengthBits);
        long reciprocal = scale.add(length).subtract(BigInteger.ONE).divide(length).longValueExact();
        return new Step(lengthUs, reciprocal, TIME_BITS + lengthBits - Long.SIZE);
    }

    /** The start of the step that the time is in. */
    long start(long timeUs) {
        if (timeUs >>> TIME_BITS != 0) {
            return Math.floorDiv(timeUs, lengthUs) * lengthUs;
        }
        return (Math.multiplyHigh(timeUs, reciprocal) >>> shift) * lengthUs;
    }
}
