package dev.headwater.kernel.plan;

/** Which event times count at a clock; schemas/plan.py says what each kind means. Times are milliseconds. */
public sealed interface Window {
    /** Of a plan in which an event may matter for ever. */
    long UNLIMITED = Long.MAX_VALUE;

    String name();

    /** The edges of the window move in steps of this. */
    long resolutionMs();

    /** How far behind the clock its first event time can lie at most, or {@link #UNLIMITED}. */
    long spanMs();

    /** The last {@code lengthMs}, or with an offset as much so much earlier. */
    record Sliding(String name, long resolutionMs, long lengthMs, long offsetMs) implements Window {
        @Override
        public long spanMs() {
            return offsetMs + lengthMs + resolutionMs;
        }
    }

    /** The unit of local time that the clock is in, so far, or the whole of the one before. {@code zone} is an index. */
    record Calendar(String name, long resolutionMs, Unit unit, int zone, boolean complete) implements Window {
        @Override
        public long spanMs() {
            return unit.longestMs * (complete ? 2 : 1);
        }
    }

    /** The events up to the newest without a pause of more than {@code gapMs}, {@code longestMs} at most. */
    record Session(String name, long resolutionMs, long gapMs, long longestMs) implements Window {
        @Override
        public long spanMs() {
            return longestMs + resolutionMs;
        }
    }

    /** All events. */
    record Lifetime(String name, long resolutionMs) implements Window {
        @Override
        public long spanMs() {
            return UNLIMITED;
        }
    }

    /** A unit of local time. */
    enum Unit {
        HOUR(2 * 3_600_000L),
        DAY(2 * 86_400_000L),
        WEEK(8 * 86_400_000L),
        MONTH(32 * 86_400_000L),
        YEAR(367 * 86_400_000L);

        private final long longestMs;

        Unit(long longestMs) {
            this.longestMs = longestMs;
        }
    }
}
