package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;

/** This event cannot be aggregated. Without a stack trace: a flood of poison must stay cheap. */
final class RejectedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Reason reason;
    private final boolean stops;

    RejectedException(Reason reason, String detail) {
        this(reason, detail, false);
    }

    private RejectedException(Reason reason, String detail, boolean stops) {
        super(detail, null, false, false);
        this.reason = reason;
        this.stops = stops;
    }

    /** Of an event that must not be passed over either. */
    static RejectedException stopping(Reason reason, String detail) {
        return new RejectedException(reason, detail, true);
    }

    Reason reason() {
        return reason;
    }

    boolean stops() {
        return stops;
    }
}
