package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.EventList;
import dev.headwater.kernel.accumulator.EventOrder;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;

/** The values of a column in the first or the last events that have one, or the last distinct ones. */
final class EventListCell extends AccumulatorCell<EventList> {
    private final int column;
    private final ColumnType type;
    private final EventList.Keep keep;
    private final int limit;

    EventListCell(int column, ColumnType type, EventList.Keep keep, int limit) {
        super(EventList.class, column);
        this.column = column;
        this.type = type;
        this.keep = keep;
        this.limit = limit;
    }

    @Override
    EventList create(Event event) {
        return new EventList();
    }

    @Override
    void add(EventList list, Event event) {
        EventOrder order = EventOrder.of(event);
        list.add(
                type.isBlob()
                        ? new EventList.Entry(order, 0, event.blob(column))
                        : new EventList.Entry(order, number(event), null),
                keep,
                limit);
    }

    @Override
    void merge(EventList into, EventList from) {
        into.merge(from, keep, limit);
    }

    /** Zero and minus zero are one value. */
    private long number(Event event) {
        boolean compared = type == ColumnType.DOUBLE && keep == EventList.Keep.LAST_DISTINCT;
        return compared ? Double.doubleToRawLongBits(event.decimal(column) + 0.0) : event.number(column);
    }
}
