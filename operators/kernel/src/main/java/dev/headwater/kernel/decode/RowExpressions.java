package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.expression.EvaluationException;
import dev.headwater.kernel.expression.Expression;
import dev.headwater.kernel.expression.ExpressionScope;
import dev.headwater.kernel.expression.Fields;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;

/** The expressions of one source, evaluated from the slots that decoding filled. Not thread-safe. */
final class RowExpressions {
    private final List<Plan.Variable> variables;
    private final int[] variableSlots;
    private final ExpressionScope scope;
    private final Fields fields;
    /** Those on which it depends whether an event counts: they must be finite. */
    private final BitSet decisive = new BitSet();

    /** {@code variableSlots}: the slot of each variable. */
    RowExpressions(List<Plan.Variable> variables, int[] variableSlots) {
        this.variables = variables;
        this.variableSlots = variableSlots;
        scope = new ExpressionScope(variables);
        fields = scope.fields();
    }

    Expression compile(String text) {
        Expression expression = scope.compile(text);
        expression.variables().forEach(decisive::set);
        return expression;
    }

    /** Compiles an expression on which it does not depend whether an event counts. */
    Expression compileUndecisive(String text) {
        return scope.compile(text);
    }

    /** Takes the variables of one event. Throws if one of the decisive ones is no number. */
    void load(Slots slots) throws RejectedException {
        for (int i = 0; i < variableSlots.length; i++) {
            int slot = variableSlots[i];
            ColumnType type = variables.get(i).type();
            if (!slots.present[slot]) {
                fields.setNull(i);
            } else if (type.isBlob()) {
                fields.setBlob(i, slots.blobs[slot], slots.from[slot], slots.length[slot]);
            } else if (type == ColumnType.DOUBLE && decisive.get(i) && !Double.isFinite(Double.longBitsToDouble(slots.longs[slot]))) {
                throw new RejectedException(
                        Reason.NOT_FINITE, variables.get(i).name() + " is " + Double.longBitsToDouble(slots.longs[slot]));
            } else {
                fields.setNumber(i, slots.longs[slot]);
            }
        }
    }

    /** Whether a condition holds for the event that was loaded; null is no. */
    boolean holds(Expression condition) throws RejectedException {
        return Boolean.TRUE.equals(value(condition));
    }

    /** Whether a condition is true or null for the event that was loaded; one that fails is neither. */
    boolean isNotFalse(Expression condition) {
        try {
            return !Boolean.FALSE.equals(condition.value(fields));
        } catch (EvaluationException e) {
            return false;
        }
    }

    /** Puts the binding's value for the event that was loaded into its slot, if it is an expression. */
    void fill(Binding binding, Slots slots) throws RejectedException {
        Object value = value(binding.expression());
        int slot = binding.slot();
        if (value == null) {
            slots.setNull(slot);
        } else if (value instanceof Long number) {
            slots.setLong(slot, number);
        } else if (value instanceof Double number) {
            slots.setDouble(slot, number);
        } else if (value instanceof Boolean truth) {
            slots.setLong(slot, truth ? 1 : 0);
        } else {
            byte[] bytes = value instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : (byte[]) value;
            slots.setBlob(slot, bytes, 0, bytes.length);
        }
    }

    private Object value(Expression expression) throws RejectedException {
        try {
            return expression.value(fields);
        } catch (EvaluationException e) {
            throw new RejectedException(Reason.EXPRESSION_FAILED, e.getMessage());
        }
    }
}
