package dev.headwater.kernel.plan;

import java.util.Locale;

/** The types that a column, an entity field or a feature can have once the reader schema is resolved. */
public enum ColumnType {
    LONG,
    DOUBLE,
    BOOLEAN,
    STRING,
    BYTES,
    /** So many doubles, eight bytes each, big-endian. */
    VECTOR;

    /** True if values are byte arrays; else they fit one long: doubles as raw bits, booleans as 0 or 1. */
    public boolean isBlob() {
        return this == STRING || this == BYTES || this == VECTOR;
    }

    static ColumnType parse(String name, String where) {
        for (ColumnType type : values()) {
            if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
                return type;
            }
        }
        throw new PlanException(where + ": unknown type '" + name + "'");
    }
}
