"""Mistakes that could be made in the kernel, each of which the comparison with the reference must notice.

A mutation is a piece of text that stands once in a source file, and what stands there instead.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A mistake: what is wrong then, the Java file under `dev/headwater/kernel`, the text and its replacement."""

    name: str
    file: str
    text: str
    replacement: str


MUTATIONS = (
    # edges and ticks
    Mutation(
        "A window begins a step late",
        "window/Edge.java",
        "return step.start(clockUs - distanceUs);",
        "return step.start(clockUs - distanceUs) + step.lengthUs();",
    ),
    Mutation(
        "A tick comes a step late",
        "window/Edge.java",
        "return step.start(eventTimeUs) + step.lengthUs() + distanceUs;",
        "return step.start(eventTimeUs) + 2 * step.lengthUs() + distanceUs;",
    ),
    Mutation(
        "A tick comes a step early",
        "window/Edge.java",
        "return step.start(eventTimeUs) + step.lengthUs() + distanceUs;",
        "return step.start(eventTimeUs) + distanceUs;",
    ),
    Mutation(
        "An offset window ends at the clock",
        "window/ViewWindow.java",
        "Edge head = sliding.offsetMs() == 0 ? null :",
        "Edge head = sliding.offsetMs() >= 0 ? null :",
    ),
    Mutation(
        "Events enter an offset window a step late",
        "window/ViewWindow.java",
        "new Edge.Following(sliding.offsetMs() * US_PER_MS, step);",
        "new Edge.Following(sliding.offsetMs() * US_PER_MS + step, step);",
    ),
    Mutation(
        "A tile that begins where a window ends is in it",
        "window/WindowScan.java",
        "int to = state.firstFrom(windows[window].end(state.clockUs), stride);",
        "int to = state.firstFrom(windows[window].end(state.clockUs) + 1, stride);",
    ),
    Mutation(
        "The tile at the very start of a window is left out",
        "window/WindowScan.java",
        "start < starts[order[next]]",
        "start <= starts[order[next]]",
    ),
    Mutation(
        "An event at the very start of the reach is late",
        "window/ViewWindows.java",
        "&& eventTimeUs < reach(state.clockUs);",
        "&& eventTimeUs <= reach(state.clockUs);",
    ),
    # sessions
    Mutation(
        "A session ends at a pause of exactly the gap",
        "window/WindowScan.java",
        "if (session.close().tick(tileStart) <= pauseAfterUs) {",
        "if (session.close().tick(tileStart) <= pauseAfterUs + session.resolutionUs()) {",
    ),
    Mutation(
        "A session is joined over a pause a step too long",
        "window/WindowScan.java",
        "if (session.close().tick(tileStart) <= pauseAfterUs) {",
        "if (session.close().tick(tileStart) < pauseAfterUs) {",
    ),
    Mutation(
        "A session looks back without limit",
        "window/WindowScan.java",
        "tile >= state.first && state.start(tile, stride) >= earliest;",
        "tile >= state.first;",
    ),
    Mutation(
        "A session's row says that it lasts as long as its oldest event may",
        "window/WindowScan.java",
        "emptyAtUs[window] = Math.min(emptyAtUs[window], closes);",
        "",
    ),
    # calendars
    Mutation(
        "A day that begins in an hour that is skipped begins before it",
        "window/CalendarUnits.java",
        "stretch == 0 ? second : Math.max(seconds[stretch], second)",
        "second",
    ),
    Mutation(
        "A day begins where its midnight would have been but for the clocks going back",
        "window/CalendarUnits.java",
        "local - offsets[stretch] >= seconds[stretch + 1]",
        "local - offsets[stretch] > seconds[stretch + 1]",
    ),
    Mutation(
        "Weeks begin on Sunday",
        "window/CalendarUnits.java",
        "DAYS_BEFORE_1970 = 3",
        "DAYS_BEFORE_1970 = 4",
    ),
    Mutation(
        "The last full day is the one before",
        "window/ViewWindow.java",
        "new Edge.Beginning(units, 1), new Edge.Beginning(units, 0)",
        "new Edge.Beginning(units, 2), new Edge.Beginning(units, 1)",
    ),
    # tiles
    Mutation(
        "A tile is merged when only its start lies before the finer windows",
        "window/ViewWindows.java",
        "if (coarseStart + ladder.sizeUs(coarser) <= coarseBefore[coarser]) {",
        "if (coarseStart <= coarseBefore[coarser]) {",
    ),
    Mutation(
        "Tiles of the coarsest size are merged whatever the windows need",
        "window/Ladder.java",
        "for (int level = levels() - 1; level > 0",
        "for (int level = levels() - 2; level > 0",
    ),
    Mutation(
        "The past of a lifetime is merged in the midst of other windows",
        "window/Ladder.java",
        "sizesUs[level] > window.resolutionUs()",
        "sizesUs[level] > 2 * window.resolutionUs()",
    ),
    Mutation(
        "A late event falls into the tile after it",
        "window/ViewWindows.java",
        "return state.firstFrom(timeUs + 1, stride);",
        "return state.firstFrom(timeUs + 1, stride) + 1;",
    ),
    Mutation(
        "Events that are dropped are still counted in n",
        "window/ViewWindows.java",
        "state.n -= state.slots[state.first * stride + Tiles.COUNT];",
        "",
    ),
    # clocks
    Mutation(
        "An older event turns the clock back",
        "window/ViewWindows.java",
        "if (time > state.clockUs) {",
        "if (time != state.clockUs) {",
    ),
    Mutation(
        "The clock becomes the watermark instead of the tick",
        "window/ViewWindows.java",
        "Math.max(state.clockUs, edge.tick(state.start(newest, stride)));",
        "Math.max(state.clockUs, watermarkUs);",
    ),
    Mutation(
        "Ticks that are due when a late event comes are dropped",
        "window/ViewWindows.java",
        "boolean mayBeDue = time + soonestUs < watermarkUs;",
        "boolean mayBeDue = false;",
    ),
    Mutation(
        "A clock is forgotten as soon as its tiles are gone",
        "operator/FeatureOperator.java",
        "return -Math.floorDiv(-state.clockUs, US_PER_MS) + plan.reachMs();",
        "return -Math.floorDiv(-state.clockUs, US_PER_MS);",
    ),
    Mutation(
        "The end of a bounded source becomes a clock",
        "operator/FeatureOperator.java",
        "if (mark.getTimestamp() == Long.MAX_VALUE) {",
        "if (mark.getTimestamp() == Long.MIN_VALUE) {",
    ),
    # timers
    Mutation(
        "After a tick no timer is registered for the next",
        "operator/FeatureOperator.java",
        "if (nextMs != NEVER) {",
        "if (nextMs != NEVER && state.isEmpty()) {",
    ),
    Mutation(
        "An older event does not bring the next tick forward",
        "operator/FeatureOperator.java",
        "if (tickUs < presentUs) {",
        "if (presentUs == Long.MAX_VALUE) {",
    ),
    Mutation(
        "A restore forgets when the timer fires",
        "window/KeyStateSerializer.java",
        "state.timerMs = timerMs;",
        "",
    ),
    Mutation(
        "Only events that leave are waited for, none that enter",
        "window/ViewWindows.java",
        "edges = Arrays.stream(windows).flatMap(w -> Arrays.stream(w.edges())).toArray(Edge[]::new);",
        "edges = Arrays.stream(windows).map(ViewWindow::tail).filter(java.util.Objects::nonNull).toArray(Edge[]::new);",
    ),
    # rows
    Mutation(
        "What is held back is not written before a barrier",
        "operator/FeatureOperator.java",
        "super.prepareSnapshotPreBarrier(checkpointId);\n        flush();",
        "super.prepareSnapshotPreBarrier(checkpointId);",
    ),
    Mutation(
        "A row that was held back is dropped if only time changed it",
        "operator/FeatureOperator.java",
        "        emit(key, state, now());\n        states.update(state);",
        "        if (state.eventSinceRow) emit(key, state, now());\n        states.update(state);",
    ),
    Mutation(
        "The row of a key that has become empty is not written",
        "operator/FeatureOperator.java",
        "if (!heldBack && state.isDirty()) {",
        "if (!heldBack && state.isDirty() && !state.isEmpty()) {",
    ),
    Mutation(
        "A row is written only if the clock has moved",
        "window/KeyState.java",
        "return rowClockUs != clockUs || rowN != n;",
        "return rowClockUs != clockUs;",
    ),
    Mutation(
        "A restore forgets which row was written last",
        "window/KeyStateSerializer.java",
        "KeyState state = new KeyState(slots, objects, count, rowClockUs, rowN);",
        "KeyState state = new KeyState(slots, objects, count, -1, -1);",
    ),
    # aggregates
    Mutation(
        "A feature's filter is ignored",
        "aggregate/CellLayout.java",
        "if (cell.filter < 0 || event.isTrue(cell.filter)) {",
        "if (cell.filter < 0 || !event.isNull(cell.filter)) {",
    ),
    Mutation(
        "Variances of tiles are merged with the wrong weights",
        "aggregate/SquaredDeviations.java",
        "apart * apart / (present * added * (present + added));",
        "apart * apart / (present * added * Math.max(present, added));",
    ),
    Mutation(
        "First and last of one instant do not heed the partition",
        "aggregate/Outermost.java",
        "order = Long.compare(partition, get(tiles, tile, PARTITION));",
        "order = 0;",
    ),
    Mutation(
        "First and last of one instant do not heed the offset",
        "aggregate/Outermost.java",
        "return order == 0 ? Long.compare(offset, get(tiles, tile, OFFSET)) : order;",
        "return order;",
    ),
    Mutation(
        "Negative numbers are ordered by their bits",
        "aggregate/Extreme.java",
        "return bits ^ (bits >> 63 & Long.MAX_VALUE);",
        "return bits;",
    ),
    Mutation(
        "A null counts as a value",
        "aggregate/ValueCount.java",
        "if (column < 0 || !event.isNull(column)) {",
        "if (column < 0 || event.columns() > column) {",
    ),
    Mutation(
        "Third moments of tiles are merged with the sign of one part wrong",
        "aggregate/ThirdMoment.java",
        "+ 3 * apart * (present * added2",
        "- 3 * apart * (present * added2",
    ),
    Mutation(
        "Of more than n events the wrong end is let go",
        "accumulator/EventList.java",
        "remove(keep == Keep.FIRST ? size - 1 : 0);",
        "remove(keep == Keep.FIRST ? size - 1 : 1);",
    ),
    Mutation(
        "A value that came again keeps its old place among the last distinct ones",
        "accumulator/EventList.java",
        "if (entry.order.compareTo(entries[same].order) <= 0) {",
        "if (entry.order.compareTo(entries[same].order) >= 0) {",
    ),
    Mutation(
        "Ids are not heeded where events are put into order",
        "accumulator/EventOrder.java",
        "order = Arrays.compareUnsigned(id, other.id);",
        "order = 0;",
    ),
    Mutation(
        "A sketch of distinct values is lost where tiles are merged",
        "accumulator/DistinctValues.java",
        "hll.merge(other.hll);",
        "",
    ),
    Mutation(
        "A sketch of quantiles is lost where tiles are merged",
        "accumulator/Quantiles.java",
        "sketch.merge(other.sketch);",
        "",
    ),
    Mutation(
        "A quantile between two values is the upper one",
        "accumulator/Quantiles.java",
        "values[Math.max(0, (int) Math.ceil(fraction * count) - 1)];",
        "values[Math.min(count - 1, (int) Math.floor(fraction * count))];",
    ),
    Mutation(
        "Categories are kept by when they came, not by their hashes",
        "accumulator/Categories.java",
        "if (at == limit) {",
        "if (size == limit) {",
    ),
    Mutation(
        "A decayed sum is merged as if it were of the newest tile's time",
        "aggregate/DecayedSum.java",
        "double sum = HalfLife.moved(getDecimal(from, fromTile, SUM), instant, latest);",
        "double sum = getDecimal(from, fromTile, SUM);",
    ),
    Mutation(
        "A decayed vector does not decay until the tile that it is merged into",
        "accumulator/VectorSum.java",
        "add(i, HalfLife.moved(other.sums[i], other.instant, instant));",
        "add(i, other.sums[i]);",
    ),
    Mutation(
        "A ratio to nothing is infinite",
        "aggregate/Derivations.java",
        "if (ratio && b == 0 || Double.isNaN(result)) {",
        "if (Double.isNaN(result)) {",
    ),
    # copies
    Mutation(
        "Events of two sources with one id and time are taken for copies",
        "accumulator/EventIds.java",
        "mixed(mixed(mixed(event.eventTimeUs) + event.source) + event.index);",
        "mixed(mixed(mixed(event.eventTimeUs)) + event.index);",
    ),
    Mutation(
        "Copies are forgotten where tiles are merged",
        "aggregate/SeenEvents.java",
        "present.addAll(merged);",
        "",
    ),
    Mutation(
        "Every late copy counts again",
        "window/ViewWindows.java",
        "Math.max(state.clockUs, time) - time <= horizonUs",
        "time >= state.clockUs",
    ),
    Mutation(
        "Copies are recognised for longer than they are to be",
        "window/ViewWindows.java",
        "Math.max(state.clockUs, time) - time <= horizonUs",
        "Math.max(state.clockUs, time) - time <= horizonUs + horizonUs / 4",
    ),
    Mutation(
        "Ids are forgotten with the tile that the horizon is in",
        "window/ViewWindows.java",
        "if (seen != null && endOf(state, tile) <= state.clockUs - horizonUs) {",
        "if (seen != null && state.start(tile, stride) <= state.clockUs - horizonUs) {",
    ),
)
