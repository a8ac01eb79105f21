package dev.headwater.kernel.log;

import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.ValueType;
import dev.headwater.kernel.plan.Window;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaParseException;

/** The feature log's fields in order, to hold the plan's log schema against what {@link RowEncoder} writes. */
final class LogSchema {
    private static final List<String> FIXED = List.of(
            "generation long",
            "clock long",
            "n long",
            "event_time long",
            "ingested_at long",
            "computed_at long",
            "cause enum EVENT EXPIRY");

    private LogSchema() {}

    /** Throws {@link PlanException} if the plan's log schema does not have exactly the fields that are written. */
    static void check(Plan plan) {
        Schema schema;
        try {
            schema = new Schema.Parser().parse(plan.logSchema());
        } catch (SchemaParseException e) {
            throw new PlanException("plan.log.schema: " + e.getMessage(), e);
        }
        if (schema.getType() != Schema.Type.RECORD) {
            throw new PlanException("plan.log.schema: a record is needed");
        }
        List<String> declared = schema.getFields().stream().map(LogSchema::describe).toList();
        List<String> written = written(plan);
        for (int i = 0; i < Math.max(declared.size(), written.size()); i++) {
            String found = i < declared.size() ? declared.get(i) : "nothing";
            String needed = i < written.size() ? written.get(i) : "nothing";
            if (!found.equals(needed)) {
                throw new PlanException("plan.log.schema: field " + i + " is '" + found + "', the kernel writes '" + needed + "'");
            }
        }
    }

    private static List<String> written(Plan plan) {
        List<String> fields = new ArrayList<>();
        plan.entity().forEach(field -> fields.add(field.name() + " " + avroName(field.type())));
        fields.addAll(FIXED);
        for (Window window : plan.windows()) {
            fields.add("next_change_" + window.name() + " null|long");
            fields.add("empty_at_" + window.name() + " null|long");
        }
        plan.features().forEach(feature -> fields.add(feature.name() + " null|" + avroName(feature.type())));
        return fields;
    }

    private static String describe(Schema.Field field) {
        return field.name() + " " + describe(field.schema());
    }

    private static String describe(Schema schema) {
        return switch (schema.getType()) {
            case UNION -> String.join("|", schema.getTypes().stream().map(LogSchema::describe).toList());
            case ARRAY -> "array<" + describe(schema.getElementType()) + ">";
            case MAP -> "map<" + describe(schema.getValueType()) + ">";
            case ENUM -> "enum " + String.join(" ", schema.getEnumSymbols());
            default -> schema.getType().getName();
        };
    }

    private static String avroName(ValueType type) {
        String item = avroName(type.item());
        return switch (type.shape()) {
            case SCALAR -> item;
            case ARRAY -> "array<" + item + ">";
            case MAP -> "map<" + item + ">";
        };
    }

    private static String avroName(ColumnType type) {
        return switch (type) {
            case LONG -> "long";
            case DOUBLE -> "double";
            case BOOLEAN -> "boolean";
            case STRING -> "string";
            case BYTES, VECTOR -> "bytes";
        };
    }
}
