package dev.headwater.kernel.decode;

import dev.headwater.kernel.expression.Expression;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;

/** Gives each value that a source's plan names a slot, and compiles its expressions. */
final class Bindings {
    final Targets targets = new Targets();
    /** Null if the source has no expressions: then nothing of CEL is loaded. */
    final RowExpressions expressions;

    final Expectations expectations;
    final List<Expression> where = new ArrayList<>();
    final int eventTimeSlot;
    final Binding[] key;
    final Binding[] columns;
    final Binding[] eventId;
    final ColumnType[] eventIdTypes;

    private final Plan.Source source;
    private final List<Integer> elementSlots = new ArrayList<>();
    private int slots;

    Bindings(Plan.Source source, Schema reader) {
        this.source = source;
        if (!source.explode().isEmpty()) {
            targets.explode(source.explode());
        }
        expressions = usesExpressions() ? expressions() : null;
        source.where().forEach(text -> where.add(expressions.compile(text)));
        eventTimeSlot = slot(source.eventTimePath());
        key = bindings(source.key());
        columns = bindings(source.columns());
        eventId = bindings(source.eventId());
        expectations = new Expectations(source.expectations(), expressions);
        eventIdTypes = new ColumnType[eventId.length];
        for (int i = 0; i < eventId.length; i++) {
            Expression expression = eventId[i].expression();
            eventIdTypes[i] = expression == null ? typeAt(reader, source.eventId().get(i).path()) : expression.type();
        }
    }

    /** How many slots there are. */
    int slots() {
        return slots;
    }

    /** Those that every element of the exploded array fills anew. */
    int[] elementSlots() {
        return elementSlots.stream().mapToInt(Integer::intValue).toArray();
    }

    private boolean usesExpressions() {
        List<Plan.Input> inputs = new ArrayList<>(source.key());
        inputs.addAll(source.columns());
        inputs.addAll(source.eventId());
        return !source.where().isEmpty()
                || source.expectations().stream().anyMatch(Plan.Expectation::isCondition)
                || inputs.stream().anyMatch(Plan.Input::isExpression);
    }

    private RowExpressions expressions() {
        int[] variableSlots =
                source.variables().stream().mapToInt(variable -> slot(variable.path())).toArray();
        return new RowExpressions(source.variables(), variableSlots);
    }

    private Binding[] bindings(List<Plan.Input> inputs) {
        return inputs.stream().map(this::binding).toArray(Binding[]::new);
    }

    private Binding binding(Plan.Input input) {
        if (input.isExpression()) {
            return new Binding(input.cel(), slots++, expressions.compile(input.cel()));
        }
        // A source without such a value has a slot that nothing fills.
        return input.isPath()
                ? new Binding(String.join(".", input.path()), slot(input.path()), null)
                : new Binding("nothing", slots++, null);
    }

    private int slot(List<String> path) {
        int slot = targets.add(path, slots);
        if (slot == slots) {
            slots++;
            int depth = source.explode().size();
            if (depth > 0 && path.size() >= depth && path.subList(0, depth).equals(source.explode())) {
                elementSlots.add(slot);
            }
        }
        return slot;
    }

    /** The type of the values at a path of the reader schema. */
    private static ColumnType typeAt(Schema schema, List<String> path) {
        return switch (schema.getType()) {
            case UNION -> typeAt(
                    schema.getTypes().stream()
                            .filter(branch -> branch.getType() != Schema.Type.NULL)
                            .findFirst()
                            .orElseThrow(),
                    path);
            case ARRAY -> typeAt(schema.getElementType(), path);
            case RECORD -> typeAt(schema.getField(path.get(0)).schema(), path.subList(1, path.size()));
            case INT, LONG -> ColumnType.LONG;
            case BOOLEAN -> ColumnType.BOOLEAN;
            default -> ColumnType.BYTES;
        };
    }
}
