package dev.headwater.kernel.accumulator;

import dev.headwater.kernel.event.Event;
import dev.headwater.kernel.plan.ColumnType;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;

/** The texts that stand for values where values are keys: bytes in hexadecimal, all else as it is written. */
public final class Texts {
    /** As the texts' UTF-8 bytes compare, which is not how Java's strings do. */
    static final Comparator<String> BY_CODE_POINT = (a, b) -> Arrays.compareUnsigned(utf8(a), utf8(b));

    private static final HexFormat HEX = HexFormat.of();
    private static final long FNV_OFFSET = 0xcbf29ce484222325L;
    private static final long FNV_PRIME = 0x100000001b3L;

    private Texts() {}

    /** The text of a column's value, which is not null. */
    public static String text(Event event, int column, ColumnType type) {
        return switch (type) {
            case STRING -> new String(event.blob(column), StandardCharsets.UTF_8);
            case BYTES -> HEX.formatHex(event.blob(column));
            case BOOLEAN -> event.number(column) == 1 ? "true" : "false";
            case LONG -> Long.toString(event.number(column));
            default -> throw new IllegalArgumentException("a " + type + " is no key");
        };
    }

    /** The same as UTF-8. */
    public static byte[] bytes(Event event, int column, ColumnType type) {
        return type == ColumnType.STRING ? event.blob(column) : utf8(text(event, column, type));
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** FNV-1a of 64 bits, its bits mixed by the end of MurmurHash3; the reference has it too. */
    static long hash(byte[] text) {
        long hash = FNV_OFFSET;
        for (byte each : text) {
            hash = (hash ^ (each & 0xff)) * FNV_PRIME;
        }
        hash = (hash ^ hash >>> 33) * 0xff51afd7ed558ccdL;
        hash = (hash ^ hash >>> 33) * 0xc4ceb9fe1a85ec53L;
        return hash ^ hash >>> 33;
    }
}
