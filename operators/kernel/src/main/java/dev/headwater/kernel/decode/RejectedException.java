package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;

/** This event cannot be aggregated. Without a stack trace: a flood of poison must stay cheap. */
final class RejectedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Reason reason;

    RejectedException(Reason reason, String detail) {
        super(detail, null, false, false);
        this.reason = reason;
    }

    Reason reason() {
        return reason;
    }
}
