package dev.headwater.kernel.event;

import java.util.Locale;

/** Why an event is not aggregated: the closed list of schemas/dead_letter.py, in the order in which it was written. */
public enum Reason {
    NULL_VALUE,
    BAD_MAGIC,
    UNKNOWN_SCHEMA,
    SCHEMA_INCOMPATIBLE,
    TRUNCATED,
    TRAILING_BYTES,
    MALFORMED,
    MISSING_EVENT_TIME,
    EVENT_TIME_OUT_OF_RANGE,
    MISSING_KEY,
    KEY_TOO_LONG,
    FUTURE_EVENT,
    NOT_FINITE,
    /** Goes to the late topic, all others to the dead letters. */
    LATE,
    EXPRESSION_FAILED,
    MISSING_EVENT_ID,
    EXPECTATION_FAILED;

    private final String text = name().toLowerCase(Locale.ROOT);

    /** The name that stands in dead letters and metrics. */
    public String text() {
        return text;
    }
}
