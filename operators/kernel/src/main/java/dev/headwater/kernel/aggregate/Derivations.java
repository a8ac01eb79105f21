package dev.headwater.kernel.aggregate;

import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import java.util.ArrayList;
import java.util.List;

/**
 * The features that are made of two others where a row is made: {@code a / b}, null where b is 0, and {@code a - b}.
 * Null where either input is null or the result is not a number. Inputs are made before what is made of them.
 */
final class Derivations {
    private final Plan plan;
    private final List<Integer> order = new ArrayList<>();

    /** Throws {@link PlanException} if a feature is made of itself, or of what is no number. */
    Derivations(Plan plan) {
        this.plan = plan;
        for (int feature = 0; feature < plan.features().size(); feature++) {
            place(feature, new ArrayList<>());
        }
    }

    void derive(Values values) {
        for (int feature : order) {
            List<Integer> inputs = plan.features().get(feature).inputs();
            if (values.isNull(inputs.get(0)) || values.isNull(inputs.get(1))) {
                values.setNull(feature);
                continue;
            }
            double a = decimal(inputs.get(0), values);
            double b = decimal(inputs.get(1), values);
            boolean ratio = plan.features().get(feature).aggregate().equals("ratio");
            double result = ratio ? a / b : a - b;
            if (ratio && b == 0 || Double.isNaN(result)) {
                values.setNull(feature);
            } else {
                values.setDecimal(feature, result);
            }
        }
    }

    private double decimal(int feature, Values values) {
        long number = values.number(feature);
        return plan.features().get(feature).type().equals(ValueType.LONG) ? number : Double.longBitsToDouble(number);
    }

    private void place(int number, List<Integer> path) {
        Plan.Feature feature = plan.features().get(number);
        if (feature.inputs().isEmpty() || order.contains(number)) {
            return;
        }
        require(!path.contains(number), feature, "is made of itself");
        require(List.of("ratio", "difference").contains(feature.aggregate()), feature, "takes no inputs");
        require(feature.type().equals(ValueType.DOUBLE), feature, "gives double, not " + feature.type());
        path.add(number);
        for (int input : feature.inputs()) {
            ValueType type = plan.features().get(input).type();
            boolean isNumber = type.equals(ValueType.LONG) || type.equals(ValueType.of(ColumnType.DOUBLE));
            require(isNumber, feature, "is made of a " + type);
            place(input, path);
        }
        path.remove(path.size() - 1);
        order.add(number);
    }

    private static void require(boolean holds, Plan.Feature feature, String message) {
        if (!holds) {
            throw new PlanException("feature " + feature.name() + ": " + feature.aggregate() + " " + message);
        }
    }
}
