package dev.headwater.kernel.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window.Unit;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Zones are tables of what tzdata says of the years that are asked about. */
class CalendarUnitsTest {
    private static final Plan.Zone BERLIN = zone(
            "Europe/Berlin",
            List.of("2023-10-29T01:00:00Z", "2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z"),
            3600,
            7200,
            3600);
    private static final Plan.Zone SAO_PAULO = zone(
            "America/Sao_Paulo",
            List.of("2017-10-15T03:00:00Z", "2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"),
            -7200,
            -10_800,
            -7200);
    private static final Plan.Zone APIA = zone(
            "Pacific/Apia", List.of("2011-09-24T14:00:00Z", "2011-12-30T10:00:00Z"), -36_000, 50_400);
    private static final Plan.Zone LORD_HOWE = zone(
            "Australia/Lord_Howe",
            List.of("2023-09-30T15:30:00Z", "2024-04-06T15:00:00Z", "2024-10-05T15:30:00Z"),
            39_600,
            37_800,
            39_600);
    private static final List<Plan.Zone> ZONES = List.of(BERLIN, SAO_PAULO, APIA, LORD_HOWE);

    /**
     * What is after the clocks go forward and back in Berlin, in UTC:
     *
     * <pre>
     *   30 Mar 23:00          31 Mar 22:00        26 Oct 22:00                 27 Oct 23:00
     *   |----- 31 March, 23 h -----|                   |----- 27 October, 25 h -----|
     * </pre>
     */
    @ParameterizedTest
    @CsvSource({
        "2024-03-31T12:00:00Z, 2024-03-30T23:00:00Z, 2024-03-31T22:00:00Z",
        "2024-10-27T12:00:00Z, 2024-10-26T22:00:00Z, 2024-10-27T23:00:00Z"
    })
    void aDayIsShorterOrLongerWhereTheClocksChange(Instant in, Instant begins, Instant ends) {
        assertHolds(Unit.DAY, BERLIN, in, begins, ends);
    }

    /**
     * On 4 November 2018 clocks in Sao Paulo went from midnight to one; on 18 February from midnight to eleven.
     *
     * <pre>
     *   local    23:00     01:00              23:00     23:00     00:00
     *   |----- 3rd ----|----- 4th ----      ----- 17th, 25 h -------|--- 18th ---
     * </pre>
     */
    @ParameterizedTest
    @CsvSource({
        "2018-11-04T12:00:00Z, 2018-11-04T03:00:00Z, 2018-11-05T02:00:00Z",
        "2018-02-18T02:30:00Z, 2018-02-17T02:00:00Z, 2018-02-18T03:00:00Z"
    })
    void aDayBeginsWhenItsMidnightOrMoreIsFirstShown(Instant in, Instant begins, Instant ends) {
        assertHolds(Unit.DAY, SAO_PAULO, in, begins, ends);
    }

    /**
     * <pre>
     *   UTC     29 Dec 10:00             30 Dec 10:00             31 Dec 10:00
     *   |------------ 29th ------------|------------ 31st ------------|
     *                                  ^ the 30th begins and ends here
     * </pre>
     */
    @Test
    void theDayThatSamoaSkippedIsEmpty() {
        CalendarUnits days = new CalendarUnits(Unit.DAY, APIA);
        long skipped = us("2011-12-30T10:00:00Z");
        assertHolds(Unit.DAY, APIA, Instant.parse("2011-12-30T09:59:59Z"), Instant.parse("2011-12-29T10:00:00Z"), Instant.parse("2011-12-30T10:00:00Z"));
        assertEquals(days.numberAt(skipped - 1) + 2, days.numberAt(skipped));
        assertEquals(skipped, days.cutUs(days.numberAt(skipped) - 1));
        Edge.Beginning yesterday = new Edge.Beginning(days, 1);
        assertEquals(skipped, yesterday.at(skipped));
        assertEquals(skipped, yesterday.tick(skipped - 1));
    }

    @ParameterizedTest
    @CsvSource({
        "2024-04-06T14:45:00Z, 2024-04-06T14:00:00Z, 2024-04-06T15:30:00Z",
        "2024-10-05T15:20:00Z, 2024-10-05T14:30:00Z, 2024-10-05T15:30:00Z"
    })
    void anHourOfWhichHalfComesTwiceIsOneHour(Instant in, Instant begins, Instant ends) {
        assertHolds(Unit.HOUR, LORD_HOWE, in, begins, ends);
    }

    @ParameterizedTest
    @CsvSource({
        "WEEK, 2024-03-03T22:59:59Z, 2024-02-25T23:00:00Z, 2024-03-03T23:00:00Z",
        "MONTH, 2024-03-31T21:59:59Z, 2024-02-29T23:00:00Z, 2024-03-31T22:00:00Z",
        "YEAR, 2024-06-01T00:00:00Z, 2023-12-31T23:00:00Z, 2024-12-31T23:00:00Z"
    })
    void longerUnitsBeginAtLocalMidnight(Unit unit, Instant in, Instant begins, Instant ends) {
        assertHolds(unit, BERLIN, in, begins, ends);
    }

    @Test
    void everyInstantIsInTheUnitThatBeganLast() {
        Random random = new Random(1);
        for (Plan.Zone zone : ZONES) {
            for (Unit unit : Unit.values()) {
                CalendarUnits units = new CalendarUnits(unit, zone);
                long middle = zone.seconds()[1] * 1_000_000;
                for (int i = 0; i < 2000; i++) {
                    long time = middle + random.nextLong(-400L * 86_400_000_000L, 400L * 86_400_000_000L);
                    long number = units.numberAt(time);
                    assertTrue(units.cutUs(number) <= time && time < units.cutUs(number + 1));
                }
            }
        }
    }

    private static void assertHolds(Unit unit, Plan.Zone zone, Instant in, Instant begins, Instant ends) {
        CalendarUnits units = new CalendarUnits(unit, zone);
        long number = units.numberAt(us(in.toString()));
        assertEquals(begins, instant(units.cutUs(number)));
        assertEquals(ends, instant(units.cutUs(number + 1)));
    }

    private static Plan.Zone zone(String name, List<String> since, int... offsets) {
        long[] seconds = since.stream().mapToLong(text -> Instant.parse(text).getEpochSecond()).toArray();
        return new Plan.Zone(name, seconds, offsets);
    }

    private static long us(String instant) {
        return Instant.parse(instant).getEpochSecond() * 1_000_000;
    }

    private static Instant instant(long us) {
        return Instant.ofEpochSecond(us / 1_000_000);
    }
}
