package dev.headwater.kernel.window;

import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * One window of a view, by its edges. Events enter at the head, or at once where there is none, and leave at the tail,
 * or never where there is none. A session has a third edge, at which it is over unless a newer event has come.
 */
record ViewWindow(Edge tail, Edge head, Edge close, long resolutionUs) {
    private static final long US_PER_MS = 1000;
    private static final long ALWAYS = Long.MIN_VALUE;

    static ViewWindow of(Window window, Plan plan) {
        long step = window.resolutionMs() * US_PER_MS;
        if (window instanceof Window.Sliding sliding) {
            Edge tail = new Edge.Following((sliding.offsetMs() + sliding.lengthMs()) * US_PER_MS, step);
            Edge head = sliding.offsetMs() == 0 ? null : new Edge.Following(sliding.offsetMs() * US_PER_MS, step);
            return new ViewWindow(tail, head, null, step);
        }
        if (window instanceof Window.Calendar calendar) {
            CalendarUnits units = new CalendarUnits(calendar.unit(), plan.zones().get(calendar.zone()));
            return calendar.complete()
                    ? new ViewWindow(new Edge.Beginning(units, 1), new Edge.Beginning(units, 0), null, step)
                    : new ViewWindow(new Edge.Beginning(units, 0), null, null, step);
        }
        if (window instanceof Window.Session session) {
            Edge tail = new Edge.Following(session.longestMs() * US_PER_MS, step);
            return new ViewWindow(tail, null, new Edge.Following(session.gapMs() * US_PER_MS, step), step);
        }
        return new ViewWindow(null, null, null, step);
    }

    /** The first event time that the window may hold at this clock. It never decreases as the clock moves on. */
    long start(long clockUs) {
        return tail == null ? ALWAYS : tail.at(clockUs);
    }

    /** The first event time that has not entered the window at this clock. */
    long end(long clockUs) {
        return head == null ? Long.MAX_VALUE : head.at(clockUs);
    }

    boolean isSession() {
        return close != null;
    }

    /** True if events stay for ever. */
    boolean isEndless() {
        return tail == null;
    }

    /** No start is less than so far behind the clock. */
    long leastLengthUs() {
        return tail == null ? Long.MAX_VALUE : tail.leastDistanceUs();
    }

    Edge[] edges() {
        return Stream.of(tail, head, close)
                .filter(Objects::nonNull)
                .toArray(Edge[]::new);
    }
}
