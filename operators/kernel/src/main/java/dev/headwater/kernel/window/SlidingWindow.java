package dev.headwater.kernel.window;

/**
 * The window of event times [start(clock), clock]: its head moves with every event, its tail in steps of the
 * resolution. All times are microseconds since 1970.
 */
public record SlidingWindow(long lengthUs, long resolutionUs) {

    /** The first event time inside the window at this clock. It never decreases as the clock moves on. */
    public long start(long clockUs) {
        return Math.floorDiv(clockUs - lengthUs, resolutionUs) * resolutionUs;
    }

    /** The first clock at which an event of this time has left the window: its tick. */
    public long tick(long eventTimeUs) {
        return (Math.floorDiv(eventTimeUs, resolutionUs) + 1) * resolutionUs + lengthUs;
    }
}
