package dev.headwater.kernel.window;

/**
 * An edge of a window: as the clock moves on, event times pass it one after another, oldest first. All times are
 * microseconds since 1970.
 */
interface Edge {

    /** The first event time that has not passed the edge at this clock. It never decreases as the clock moves on. */
    long at(long clockUs);

    /** The first clock at which an event of this time has passed the edge: its tick. */
    long tick(long eventTimeUs);

    /** An event's tick is at least so long after it. */
    long leastDistanceUs();

    /** The edge that stays so far behind the clock and moves in steps. */
    record Following(long distanceUs, Step step) implements Edge {
        Following(long distanceUs, long stepUs) {
            this(distanceUs, Step.of(stepUs));
        }

        @Override
        public long at(long clockUs) {
            return step.start(clockUs - distanceUs);
        }

        @Override
        public long tick(long eventTimeUs) {
            return step.start(eventTimeUs) + step.lengthUs() + distanceUs;
        }

        @Override
        public long leastDistanceUs() {
            return distanceUs;
        }
    }

    /** The edge where the calendar unit begins that was so many before the clock's. */
    record Beginning(CalendarUnits units, int before) implements Edge {
        @Override
        public long at(long clockUs) {
            return units.cutUs(units.numberAt(clockUs) - before);
        }

        @Override
        public long tick(long eventTimeUs) {
            return units.cutUs(units.numberAt(eventTimeUs) + 1 + before);
        }

        @Override
        public long leastDistanceUs() {
            return 0;
        }
    }
}
