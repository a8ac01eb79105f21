package dev.headwater.kernel.plan;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A JSON value of a plan that knows where it stands, so that a mistake can be named. */
record PlanNode(String where, JsonNode value) {

    static void require(boolean holds, String message) {
        if (!holds) {
            throw new PlanException(message);
        }
    }

    PlanNode child(String name) {
        JsonNode child = value.get(name);
        require(child != null, where + "." + name + ": is missing");
        return new PlanNode(where + "." + name, child);
    }

    /** True if there is a value of this name other than null. */
    boolean has(String name) {
        return value.hasNonNull(name);
    }

    String text(String name) {
        return child(name).text();
    }

    String textOr(String name, String otherwise) {
        return has(name) ? text(name) : otherwise;
    }

    boolean bool(String name) {
        PlanNode node = child(name);
        require(node.value.isBoolean(), node.where + ": true or false is needed");
        return node.value.booleanValue();
    }

    boolean boolOr(String name, boolean otherwise) {
        return has(name) ? bool(name) : otherwise;
    }

    long integer(String name) {
        return child(name).integer();
    }

    long integerOr(String name, long otherwise) {
        return has(name) ? integer(name) : otherwise;
    }

    double decimalOr(String name, double otherwise) {
        if (!has(name)) {
            return otherwise;
        }
        PlanNode node = child(name);
        require(node.value.isNumber(), node.where + ": a number is needed");
        return node.value.doubleValue();
    }

    long seconds(String name) {
        long ms = integer(name);
        require(ms > 0 && ms % 1000 == 0, where + "." + name + ": a positive number of whole seconds is needed");
        return ms;
    }

    int index(String name, int size) {
        long index = integer(name);
        require(index >= 0 && index < size, where + "." + name + ": there is no number " + index);
        return (int) index;
    }

    /** An index, or -1 where there is none. */
    int indexOrNone(String name, int size) {
        return has(name) ? index(name, size) : -1;
    }

    <E extends Enum<E>> E choice(String name, Class<E> type) {
        String text = text(name);
        for (E each : type.getEnumConstants()) {
            if (each.name().toLowerCase(Locale.ROOT).equals(text)) {
                return each;
            }
        }
        throw new PlanException(where + "." + name + ": there is no '" + text + "'");
    }

    ColumnType type(String name) {
        return ColumnType.parse(text(name), where + "." + name);
    }

    /** The JSON text of a schema, which may itself stand there as an object or as text. */
    String json(String name) {
        JsonNode child = child(name).value;
        return child.isTextual() ? child.textValue() : child.toString();
    }

    List<PlanNode> list(String name) {
        return child(name).items();
    }

    /** The items of a list that may be missing. */
    List<PlanNode> listOr(String name) {
        return has(name) ? list(name) : List.of();
    }

    List<String> strings(String name) {
        return child(name).items().stream().map(PlanNode::text).toList();
    }

    long integer() {
        require(value.isIntegralNumber() && value.canConvertToLong(), where + ": not a whole number");
        return value.longValue();
    }

    String text() {
        require(value.isTextual(), where + ": text is needed");
        return value.textValue();
    }

    List<PlanNode> items() {
        require(value.isArray(), where + ": a list is needed");
        List<PlanNode> items = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            items.add(new PlanNode(where + "[" + i + "]", value.get(i)));
        }
        return items;
    }
}
