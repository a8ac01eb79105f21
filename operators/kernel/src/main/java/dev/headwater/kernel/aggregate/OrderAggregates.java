package dev.headwater.kernel.aggregate;

import static dev.headwater.kernel.aggregate.Aggregates.require;
import static dev.headwater.kernel.aggregate.Aggregates.requireType;

import dev.headwater.kernel.accumulator.EventList;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.ValueType;

/** The values that come first or last in the events' order. */
final class OrderAggregates {
    private OrderAggregates() {}

    static Output first(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return cells.isOrderedByOffset()
                ? outermost(feature, cells.first(feature.column()))
                : only(feature, cells.eventList(feature.column(), EventList.Keep.FIRST, 1));
    }

    static Output last(Plan.Feature feature, Cells cells) {
        requireType(feature, ValueType.of(cells.type(feature.column())));
        return cells.isOrderedByOffset()
                ? outermost(feature, cells.last(feature.column()))
                : only(feature, cells.eventList(feature.column(), EventList.Keep.LAST, 1));
    }

    static Output firstN(Plan.Feature feature, Cells cells) {
        return list(feature, cells, EventList.Keep.FIRST);
    }

    static Output lastN(Plan.Feature feature, Cells cells) {
        return list(feature, cells, EventList.Keep.LAST);
    }

    static Output lastNDistinct(Plan.Feature feature, Cells cells) {
        return list(feature, cells, EventList.Keep.LAST_DISTINCT);
    }

    private static Output outermost(Plan.Feature feature, Outermost outermost) {
        boolean blob = feature.type().item().isBlob();
        return (tiles, tile, values, f) -> {
            if (outermost.isNull(tiles, tile)) {
                values.setNull(f);
            } else if (blob) {
                values.setBlob(f, outermost.blob(tiles, tile));
            } else {
                values.setNumber(f, outermost.number(tiles, tile));
            }
        };
    }

    private static Output only(Plan.Feature feature, EventListCell cell) {
        boolean blob = feature.type().item().isBlob();
        return (tiles, tile, values, f) -> {
            EventList list = cell.in(tiles, tile);
            if (list == null) {
                values.setNull(f);
            } else if (blob) {
                values.setBlob(f, list.entry(0).blob());
            } else {
                values.setNumber(f, list.entry(0).number());
            }
        };
    }

    private static Output list(Plan.Feature feature, Cells cells, EventList.Keep keep) {
        ColumnType item = cells.type(feature.column());
        requireType(feature, new ValueType(ValueType.Shape.ARRAY, item));
        require(feature.limit() > 0, feature, "a limit");
        EventListCell cell = cells.eventList(feature.column(), keep, feature.limit());
        return (tiles, tile, values, f) -> {
            EventList list = cell.in(tiles, tile);
            if (list == null) {
                values.setNull(f);
            } else if (item.isBlob()) {
                values.setBlobs(f, blobs(list));
            } else {
                values.setNumbers(f, numbers(list));
            }
        };
    }

    private static byte[][] blobs(EventList list) {
        byte[][] blobs = new byte[list.size()][];
        for (int i = 0; i < blobs.length; i++) {
            blobs[i] = list.entry(i).blob();
        }
        return blobs;
    }

    private static long[] numbers(EventList list) {
        long[] numbers = new long[list.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = list.entry(i).number();
        }
        return numbers;
    }
}
