package dev.headwater.kernel.expression;

/** An expression fails on the values of an event. Without a stack trace: a flood of poison must stay cheap. */
public final class EvaluationException extends Exception {
    private static final long serialVersionUID = 1L;

    EvaluationException(String detail) {
        super(detail, null, false, false);
    }
}
