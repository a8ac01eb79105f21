package dev.headwater.kernel.window;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window.Unit;
import java.time.LocalDate;
import java.util.Arrays;

/**
 * The hours, days, weeks, months or years of one zone, numbered in their order. A unit begins at the first instant at
 * which local clocks show its start or more, so that units never overlap: an hour that comes twice belongs to the day
 * that begins with it first, a day that a zone skips is empty.
 */
final class CalendarUnits {
    private static final long US_PER_SECOND = 1_000_000;
    private static final long SECONDS_PER_HOUR = 3600;
    private static final long SECONDS_PER_DAY = 86_400;
    private static final int DAYS_PER_WEEK = 7;
    /** The first of January 1970 was a Thursday. */
    private static final int DAYS_BEFORE_1970 = 3;

    private static final int MONTHS_PER_YEAR = 12;
    /** No zone is further ahead of UTC. */
    private static final long MOST_AHEAD_SECONDS = 26 * SECONDS_PER_HOUR;

    private final Unit unit;
    private final long[] seconds;
    private final int[] offsets;
    /** The unit that was asked for last, since most questions are about now. */
    private long number;

    private long fromUs;
    private long toUs;

    CalendarUnits(Unit unit, Plan.Zone zone) {
        this.unit = unit;
        seconds = zone.seconds();
        offsets = zone.offsets();
    }

    /** The unit that holds this instant: the last one that has begun. */
    long numberAt(long timeUs) {
        if (timeUs < fromUs || timeUs >= toUs) {
            find(timeUs);
        }
        return number;
    }

    /** When the unit begins. */
    long cutUs(long wanted) {
        if (fromUs < toUs) {
            if (wanted == number) {
                return fromUs;
            }
            if (wanted == number + 1) {
                return toUs;
            }
        }
        return cutOf(wanted);
    }

    private void find(long timeUs) {
        long found = numberOf(local(Math.floorDiv(timeUs, US_PER_SECOND)));
        while (cutOf(found) > timeUs) {
            found--;
        }
        while (cutOf(found + 1) <= timeUs) {
            found++;
        }
        number = found;
        fromUs = cutOf(found);
        toUs = cutOf(found + 1);
    }

    private long cutOf(long wanted) {
        long local = startOf(wanted);
        // The first stretch of time with one offset that local clocks leave later than the unit's start.
        int stretch = stretchAt(local - MOST_AHEAD_SECONDS);
        while (stretch + 1 < seconds.length && local - offsets[stretch] >= seconds[stretch + 1]) {
            stretch++;
        }
        long second = local - offsets[stretch];
        return (stretch == 0 ? second : Math.max(seconds[stretch], second)) * US_PER_SECOND;
    }

    private long local(long second) {
        return second + offsets[stretchAt(second)];
    }

    private int stretchAt(long second) {
        int found = Arrays.binarySearch(seconds, second);
        return found >= 0 ? found : Math.max(0, -found - 2);
    }

    private long numberOf(long localSecond) {
        long day = Math.floorDiv(localSecond, SECONDS_PER_DAY);
        return switch (unit) {
            case HOUR -> Math.floorDiv(localSecond, SECONDS_PER_HOUR);
            case DAY -> day;
            case WEEK -> Math.floorDiv(day + DAYS_BEFORE_1970, DAYS_PER_WEEK);
            case MONTH -> {
                LocalDate date = LocalDate.ofEpochDay(day);
                yield (long) date.getYear() * MONTHS_PER_YEAR + date.getMonthValue() - 1;
            }
            case YEAR -> LocalDate.ofEpochDay(day).getYear();
        };
    }

    private long startOf(long wanted) {
        return switch (unit) {
            case HOUR -> wanted * SECONDS_PER_HOUR;
            case DAY -> wanted * SECONDS_PER_DAY;
            case WEEK -> (wanted * DAYS_PER_WEEK - DAYS_BEFORE_1970) * SECONDS_PER_DAY;
            case MONTH -> firstOf(Math.floorDiv(wanted, MONTHS_PER_YEAR), Math.floorMod(wanted, MONTHS_PER_YEAR) + 1);
            case YEAR -> firstOf(wanted, 1);
        };
    }

    private static long firstOf(long year, int month) {
        return LocalDate.of(Math.toIntExact(year), month, 1).toEpochDay() * SECONDS_PER_DAY;
    }
}
