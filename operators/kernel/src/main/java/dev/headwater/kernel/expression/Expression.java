package dev.headwater.kernel.expression;

import dev.cel.common.values.CelByteString;
import dev.cel.common.values.NullValue;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.headwater.kernel.plan.ColumnType;
import java.util.stream.IntStream;

/**
 * A compiled expression. Null: one that fails where a nullable variable that it reads is null, is null; any other
 * failure is one. The same as in schemas/expressions.py, where it was type-checked when the view was compiled.
 */
public final class Expression {
    private final String text;
    private final CelRuntime.Program program;
    private final ColumnType type;
    private final int[] variables;

    Expression(String text, CelRuntime.Program program, ColumnType type, int[] variables) {
        this.text = text;
        this.program = program;
        this.type = type;
        this.variables = variables;
    }

    public String text() {
        return text;
    }

    public ColumnType type() {
        return type;
    }

    /** The positions, in the plan, of the variables that it reads. */
    public IntStream variables() {
        return IntStream.of(variables);
    }

    /**
     * The value for these fields: null, or a Long, Double, Boolean, String or byte[] as {@link #type} says. Throws if it
     * fails.
     */
    public Object value(Fields fields) throws EvaluationException {
        for (int variable : variables) {
            if (!fields.isReadable(variable)) {
                return failed(fields, "a time that is not within the years 1 to 9999");
            }
        }
        Object value;
        try {
            value = program.eval(fields);
        } catch (CelEvaluationException | RuntimeException e) {
            // Whatever CEL's runtime throws is about this event: it must not stop the stream.
            return failed(fields, e.getMessage());
        }
        if (value == NullValue.NULL_VALUE) {
            return null;
        }
        return value instanceof CelByteString bytes ? bytes.toByteArray() : value;
    }

    private Object failed(Fields fields, String detail) throws EvaluationException {
        for (int variable : variables) {
            if (fields.isNull(variable)) {
                return null;
            }
        }
        throw new EvaluationException(text + ": " + detail);
    }
}
