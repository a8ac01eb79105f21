package dev.headwater.kernel.decode;

import java.io.IOException;

/** An event does not meet an expectation whose action is to stop: the job must not pass its record. */
public final class ExpectationException extends IOException {
    private static final long serialVersionUID = 1L;

    ExpectationException(String message) {
        super(message);
    }
}
