package dev.headwater.kernel.window;

import dev.headwater.kernel.accumulator.EventIds;
import dev.headwater.kernel.aggregate.CellLayout;
import dev.headwater.kernel.aggregate.SeenEvents;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.Window;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * How the keys of one view change: by an event, or as the watermark passes a tick. Both leave the state's clock, n and
 * tiles as the set of its events and the watermark demand, whatever order they came in.
 */
public final class ViewWindows {
    private static final int FIRST_CAPACITY = 2;
    private static final long US_PER_MS = 1000;
    /** The resolutions that windows can have. */
    private static final long[] LADDER_MS = {1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000};

    private static final int STEPS_PER_HORIZON = 30;

    private final ViewWindow[] windows;
    /** Those that can have the earliest start of all. */
    private final ViewWindow[] deepest;

    private final Edge[] edges;
    /** No tick is less than this after its event. */
    private final long soonestUs;
    /** What is no more than this behind the clock is in reach. */
    private final long certainReachUs;
    /** What tiles must not be too coarse for: the windows, and the horizon behind which ids are forgotten. */
    private final ViewWindow[] cutting;

    private final Ladder ladder;
    private final CellLayout layout;
    private final SeenEvents seen;
    private final long horizonUs;
    private final int stride;
    private final int objectStride;
    private final long[] coarseBefore;
    private final String description;

    public ViewWindows(Plan plan, CellLayout layout) {
        windows = plan.windows().stream().map(w -> ViewWindow.of(w, plan)).toArray(ViewWindow[]::new);
        edges = Arrays.stream(windows).flatMap(w -> Arrays.stream(w.edges())).toArray(Edge[]::new);
        certainReachUs = Arrays.stream(windows).mapToLong(ViewWindow::leastLengthUs).max().orElseThrow();
        deepest = IntStream.range(0, windows.length)
                .filter(w -> plan.windows().get(w).spanMs() > certainReachUs / US_PER_MS)
                .mapToObj(w -> windows[w])
                .toArray(ViewWindow[]::new);
        soonestUs = Arrays.stream(edges).mapToLong(Edge::leastDistanceUs).min().orElse(Long.MAX_VALUE / 2);
        cutting = withHorizon(plan, windows);
        ladder = Ladder.of(cutting);
        description = "windows " + String.join(" ", plan.windows().stream().map(w -> described(w, plan)).toList());
        coarseBefore = new long[ladder.levels()];
        this.layout = layout;
        seen = layout.seen();
        horizonUs = plan.deduplicationMs() * US_PER_MS;
        this.stride = layout.stride();
        this.objectStride = layout.objectStride();
    }

    /** What must be equal for one job to read the tiles of another. */
    public String fingerprint() {
        return description + "; " + layout.fingerprint();
    }

    /** Ids go with their tiles; where those stay for longer than ids are needed, they must be fine enough to tell. */
    private static ViewWindow[] withHorizon(Plan plan, ViewWindow[] windows) {
        long horizonMs = plan.deduplicationMs();
        if (horizonMs == 0 || horizonMs >= plan.reachMs()) {
            return windows;
        }
        long stepMs = LADDER_MS[0];
        for (long each : LADDER_MS) {
            stepMs = each * STEPS_PER_HORIZON <= horizonMs ? each : stepMs;
        }
        ViewWindow[] all = Arrays.copyOf(windows, windows.length + 1);
        all[windows.length] = new ViewWindow(
                new Edge.Following(horizonMs * US_PER_MS, stepMs * US_PER_MS), null, null, stepMs * US_PER_MS);
        return all;
    }

    private static String described(Window window, Plan plan) {
        if (window instanceof Window.Calendar calendar) {
            Plan.Zone zone = plan.zones().get(calendar.zone());
            int table = 31 * Arrays.hashCode(zone.seconds()) + Arrays.hashCode(zone.offsets());
            return calendar + " in " + zone.name() + " " + Integer.toHexString(table);
        }
        if (window instanceof Window.Sliding sliding && sliding.offsetMs() == 0) {
            return sliding.lengthMs() * US_PER_MS + "/" + sliding.resolutionMs() * US_PER_MS;
        }
        return window.toString();
    }

    ViewWindow window(int number) {
        return windows[number];
    }

    public KeyState newState() {
        return new KeyState(FIRST_CAPACITY, stride, objectStride);
    }

    /** The earliest event time that any window contains at this clock. */
    public long reach(long clockUs) {
        long reach = Long.MAX_VALUE;
        for (ViewWindow window : deepest) {
            reach = Math.min(reach, window.start(clockUs));
        }
        return reach;
    }

    /** True if no window of a key with this clock can contain the event, now or later. */
    public boolean isLate(KeyState state, long eventTimeUs) {
        return !isCertainlyInReach(state.clockUs, eventTimeUs) && eventTimeUs < reach(state.clockUs);
    }

    /**
     * Adds an event, which must not be late, and lets the ticks fire that are due at the watermark. A copy of one that is
     * there changes nothing. Copies are looked for up to the horizon behind the clock.
     */
    public EventIds.Found add(KeyState state, Event event, long watermarkUs) {
        long time = event.eventTimeUs;
        int tile = tileFor(state, time);
        if (seen != null && Math.max(state.clockUs, time) - time <= horizonUs) {
            EventIds.Found found = seen.see(state, tile, event);
            if (found != EventIds.Found.NEW) {
                return found;
            }
        }
        layout.add(state, tile, event);
        state.n++;
        state.eventSinceRow = true;
        state.greatestEventUs = Math.max(state.greatestEventUs, time);
        state.greatestIngestedMs = Math.max(state.greatestIngestedMs, event.ingestedAtMs);
        if (time > state.clockUs) {
            state.clockUs = time;
        }
        boolean mayBeDue = time + soonestUs < watermarkUs;
        if (mayBeDue) {
            fireTicks(state, watermarkUs);
        }
        dropOutOfReach(state);
        return EventIds.Found.NEW;
    }

    /** Moves the clock to the latest tick at or before the watermark. The caller sees by the version if it moved. */
    public void advance(KeyState state, long watermarkUs) {
        fireTicks(state, watermarkUs);
        dropOutOfReach(state);
    }

    /**
     * A time, not after the earliest tick of the event that is still to come, if that is before {@code beforeUs};
     * else {@code beforeUs}. Cheap where the event is newer than those that it joins.
     */
    public long earlierTick(long eventTimeUs, long clockUs, long beforeUs) {
        long earliest = beforeUs;
        if (eventTimeUs + soonestUs < beforeUs) {
            for (Edge edge : edges) {
                long tick = edge.tick(eventTimeUs);
                if (tick > clockUs && tick < earliest) {
                    earliest = tick;
                }
            }
        }
        return earliest;
    }

    /** The earliest tick after the clock: when an event next passes an edge. {@code Long.MAX_VALUE}: none will. */
    public long nextTick(KeyState state) {
        long next = Long.MAX_VALUE;
        for (Edge edge : edges) {
            int oldest = state.firstFrom(edge.at(state.clockUs), stride);
            if (oldest < state.end) {
                next = Math.min(next, edge.tick(state.start(oldest, stride)));
            }
        }
        return next;
    }

    /**
     * For each edge, the last event to have passed it by the watermark is in the newest tile before the edge there. All
     * events of a tile that is in a window have the same tick; a tile too coarse for a window passed its edges before
     * the clock, and the tick of its start is earlier still, so it moves nothing.
     */
    private void fireTicks(KeyState state, long watermarkUs) {
        for (Edge edge : edges) {
            int newest = state.firstFrom(edge.at(watermarkUs), stride) - 1;
            if (newest >= state.first) {
                state.clockUs = Math.max(state.clockUs, edge.tick(state.start(newest, stride)));
            }
        }
    }

    private void dropOutOfReach(KeyState state) {
        if (state.isEmpty() || isCertainlyInReach(state.clockUs, state.start(state.first, stride))) {
            return;
        }
        long reach = reach(state.clockUs);
        while (!state.isEmpty() && state.start(state.first, stride) < reach) {
            state.n -= state.slots[state.first * stride + Tiles.COUNT];
            if (objectStride > 0) {
                Arrays.fill(state.objects, state.first * objectStride, (state.first + 1) * objectStride, null);
            }
            state.first++;
        }
        if (state.isEmpty()) {
            state.first = 0;
            state.end = 0;
        }
    }

    private boolean isCertainlyInReach(long clockUs, long timeUs) {
        return clockUs - timeUs <= certainReachUs;
    }

    /** The tile that covers the time; a new one of the finest size if there is none. */
    private int tileFor(KeyState state, long timeUs) {
        int next = placeOf(state, timeUs);
        if (covers(state, next - 1, timeUs)) {
            return next - 1;
        }
        if (state.end * stride == state.slots.length) {
            makeRoom(state);
            next = placeOf(state, timeUs);
            if (covers(state, next - 1, timeUs)) {
                return next - 1;
            }
        }
        state.insert(next, stride, objectStride);
        state.slots[next * stride + Tiles.HEADER] = Tiles.header(ladder.tileStart(timeUs, 0), 0);
        layout.clear(state, next);
        return next;
    }

    /** The first tile that starts after the time, or the end. Most events are newer than all tiles. */
    private int placeOf(KeyState state, long timeUs) {
        if (state.isEmpty() || state.start(state.end - 1, stride) <= timeUs) {
            return state.end;
        }
        return state.firstFrom(timeUs + 1, stride);
    }

    private boolean covers(KeyState state, int tile, long timeUs) {
        return tile >= state.first && timeUs < endOf(state, tile);
    }

    private long endOf(KeyState state, int tile) {
        return state.start(tile, stride) + ladder.sizeUs(state.level(tile, stride));
    }

    /** Rolls up what is old enough, and makes the array larger or smaller if that leaves it too full or too empty. */
    private void makeRoom(KeyState state) {
        rollUp(state);
        int capacity = state.slots.length / stride;
        if (state.end * 4 >= capacity * 3) {
            state.resize(capacity + Math.max(1, capacity / 2), stride, objectStride);
        } else if (capacity > 16 && state.end * 4 < capacity) {
            state.resize(capacity / 2, stride, objectStride);
        }
    }

    /** Merges tiles into the coarsest that hold no event which a window could yet cut off from the others. */
    private void rollUp(KeyState state) {
        ladder.coarseBefore(cutting, state.clockUs, coarseBefore);
        int last = -1;
        for (int tile = state.first; tile < state.end; tile++) {
            if (seen != null && endOf(state, tile) <= state.clockUs - horizonUs) {
                seen.forget(state, tile);
            }
            long header = rolledUp(state.start(tile, stride), state.level(tile, stride));
            if (last >= 0 && state.slots[last * stride + Tiles.HEADER] == header) {
                layout.merge(state, last, state, tile);
                continue;
            }
            last++;
            if (last != tile) {
                state.move(tile, last, stride, objectStride);
            }
            state.slots[last * stride + Tiles.HEADER] = header;
        }
        if (objectStride > 0) {
            Arrays.fill(state.objects, (last + 1) * objectStride, state.end * objectStride, null);
        }
        state.first = 0;
        state.end = last + 1;
    }

    private long rolledUp(long startUs, int level) {
        for (int coarser = ladder.levels() - 1; coarser > level; coarser--) {
            if (startUs < coarseBefore[coarser]) {
                long coarseStart = ladder.tileStart(startUs, coarser);
                if (coarseStart + ladder.sizeUs(coarser) <= coarseBefore[coarser]) {
                    return Tiles.header(coarseStart, coarser);
                }
            }
        }
        return Tiles.header(startUs, level);
    }
}
