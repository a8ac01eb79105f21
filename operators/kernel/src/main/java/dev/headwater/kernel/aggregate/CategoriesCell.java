package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.accumulator.Categories;
import dev.headwater.kernel.accumulator.Texts;
import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;

/** How often each value of a column occurs, for a bounded number of them. */
final class CategoriesCell extends AccumulatorCell<Categories> {
    private final int column;
    private final ColumnType type;
    private final int limit;

    CategoriesCell(int column, ColumnType type, int limit) {
        super(Categories.class, column);
        this.column = column;
        this.type = type;
        this.limit = limit;
    }

    @Override
    Categories create(Event event) {
        return new Categories();
    }

    @Override
    void add(Categories categories, Event event) {
        categories.add(Texts.bytes(event, column, type), limit);
    }

    @Override
    void merge(Categories into, Categories from) {
        into.merge(from, limit);
    }
}
