package dev.headwater.kernel.window;

/** All that the kernel keeps of one entity key: its tiles, its clock, and what the feature log last heard of it. */
public final class KeyState extends Tiles {
    /** No timer is registered. */
    public static final long NO_TIMER = Long.MAX_VALUE;

    private static final long NO_ROW = -1;

    /** The larger of the greatest event time and the latest tick that the watermark has passed. */
    public long clockUs = Long.MIN_VALUE;
    /** How many events lie within reach of the clock: those in the tiles. */
    public long n;
    public long greatestEventUs = Long.MIN_VALUE;
    public long greatestIngestedMs = Long.MIN_VALUE;

    /** The wall time before which the next row is held back. */
    public long quietUntilMs;
    /** When the key's one event-time timer fires: at or before its next tick. */
    public long timerMs = NO_TIMER;
    /** True if an event has been added since the last row; else only time has passed. */
    public boolean eventSinceRow;

    /** The layout of the tiles, if they came from a savepoint; null: the view's own. */
    StateLayout layout;

    private long rowClockUs = NO_ROW;
    private long rowN = NO_ROW;

    KeyState(int capacity, int stride, int objectStride) {
        super(capacity, stride, objectStride);
    }

    KeyState(long[] slots, Object[] objects, int count, long rowClockUs, long rowN) {
        super(slots, objects, count);
        this.rowClockUs = rowClockUs;
        this.rowN = rowN;
    }

    /** True if the version (clock, n) is not that of the last row. Once true it stays so until a row is written. */
    public boolean isDirty() {
        return rowClockUs != clockUs || rowN != n;
    }

    /** Notes that a row of the present version has been written. */
    public void rowWritten() {
        rowClockUs = clockUs;
        rowN = n;
        eventSinceRow = false;
    }

    long rowClockUs() {
        return rowClockUs;
    }

    long rowN() {
        return rowN;
    }
}
