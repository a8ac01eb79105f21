package dev.headwater.kernel.plan;

import java.util.Locale;

/** The type of a feature's value: one of a column's, or an array or a map (by text) of one. */
public record ValueType(Shape shape, ColumnType item) {
    public static final ValueType LONG = new ValueType(Shape.SCALAR, ColumnType.LONG);
    public static final ValueType DOUBLE = new ValueType(Shape.SCALAR, ColumnType.DOUBLE);
    public static final ValueType BYTES = new ValueType(Shape.SCALAR, ColumnType.BYTES);

    /** How many items a value has, and how they are told apart. */
    public enum Shape {
        SCALAR,
        ARRAY,
        MAP
    }

    /** The type of one value of a column. */
    public static ValueType of(ColumnType item) {
        return new ValueType(Shape.SCALAR, item);
    }

    /** The type as a plan writes it. */
    @Override
    public String toString() {
        String name = item.name().toLowerCase(Locale.ROOT);
        return shape == Shape.SCALAR ? name : shape.name().toLowerCase(Locale.ROOT) + "<" + name + ">";
    }

    static ValueType parse(String text, String where) {
        int open = text.indexOf('<');
        if (open < 0 || !text.endsWith(">")) {
            return of(ColumnType.parse(text, where));
        }
        ColumnType item = ColumnType.parse(text.substring(open + 1, text.length() - 1), where);
        return switch (text.substring(0, open)) {
            case "array" -> new ValueType(Shape.ARRAY, item);
            case "map" -> new ValueType(Shape.MAP, item);
            default -> throw new PlanException(where + ": unknown type '" + text + "'");
        };
    }
}
