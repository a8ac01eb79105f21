package dev.headwater.kernel.expression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import dev.headwater.kernel.plan.TimeUnit;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of cases that Python's CEL agrees on too: tests/unit/test_expressions.py. */
class ExpressionTest {
    private static final JsonNode TABLE = table();
    private static final List<Plan.Variable> VARIABLES = variables();
    private static final ExpressionScope SCOPE = new ExpressionScope(VARIABLES);

    @ParameterizedTest
    @MethodSource("wellTyped")
    void anExpressionHasTheTypeAndTheValueOfTheTable(JsonNode example) throws Exception {
        Expression expression = SCOPE.compile(example.get("expression").textValue());
        assertEquals(type(example.get("type")), expression.type());
        Fields fields = fields(example);
        if (example.has("fails")) {
            assertThrows(EvaluationException.class, () -> expression.value(fields));
            return;
        }
        Object value = expression.value(fields);
        JsonNode wanted = example.get("value");
        switch (expression.type()) {
            case LONG -> assertEquals(wanted.isNull() ? null : wanted.longValue(), value);
            case DOUBLE -> assertEquals(wanted.isNull() ? null : wanted.doubleValue(), value);
            case BOOLEAN -> assertEquals(wanted.isNull() ? null : wanted.booleanValue(), value);
            case STRING -> assertEquals(wanted.textValue(), value);
            default -> assertArrayEquals(wanted.isNull() ? null : bytes(wanted), (byte[]) value);
        }
    }

    @ParameterizedTest
    @MethodSource("illTyped")
    void anIllTypedExpressionIsRefused(JsonNode example) {
        assertThrows(
                PlanException.class, () -> SCOPE.compile(example.get("expression").textValue()));
    }

    @Test
    void aRefusalShowsWhereTheMistakeIs() {
        PlanException refused = assertThrows(PlanException.class, () -> SCOPE.compile("paid && count > 1.5"));
        assertTrue(refused.getMessage().contains("1:15"), refused.getMessage());
    }

    static Stream<JsonNode> wellTyped() {
        return examples().filter(example -> example.has("type"));
    }

    static Stream<JsonNode> illTyped() {
        return examples().filter(example -> example.has("ill_typed"));
    }

    private static Stream<JsonNode> examples() {
        return StreamSupport.stream(TABLE.get("cases").spliterator(), false);
    }

    private static Fields fields(JsonNode example) {
        ObjectNode values = TABLE.get("values").deepCopy();
        if (example.has("with")) {
            values.setAll((ObjectNode) example.get("with"));
        }
        Fields fields = SCOPE.fields();
        for (int i = 0; i < VARIABLES.size(); i++) {
            JsonNode value = values.get(VARIABLES.get(i).name());
            if (value.isNull()) {
                fields.setNull(i);
            } else if (VARIABLES.get(i).type().isBlob()) {
                byte[] blob = value.isTextual() ? value.textValue().getBytes(StandardCharsets.UTF_8) : bytes(value);
                fields.setBlob(i, blob, 0, blob.length);
            } else if (VARIABLES.get(i).type() == ColumnType.DOUBLE) {
                fields.setNumber(i, Double.doubleToRawLongBits(value.doubleValue()));
            } else {
                fields.setNumber(i, value.isBoolean() ? (value.booleanValue() ? 1 : 0) : value.longValue());
            }
        }
        return fields;
    }

    private static byte[] bytes(JsonNode value) {
        return HexFormat.of().parseHex(value.get("hex").textValue());
    }

    private static List<Plan.Variable> variables() {
        List<Plan.Variable> variables = new ArrayList<>();
        for (JsonNode n : TABLE.get("variables")) {
            String name = n.get("name").textValue();
            TimeUnit unit = n.has("timestamp") ? TimeUnit.valueOf(upper(n.get("timestamp"))) : null;
            variables.add(
                    new Plan.Variable(name, List.of(name), type(n.get("type")), n.get("nullable").booleanValue(), unit));
        }
        return variables;
    }

    private static ColumnType type(JsonNode name) {
        return ColumnType.valueOf(upper(name));
    }

    private static String upper(JsonNode text) {
        return text.textValue().toUpperCase(Locale.ROOT);
    }

    private static JsonNode table() {
        try {
            return new ObjectMapper()
                    .enable(com.fasterxml.jackson.core.json.JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS.mappedFeature())
                    .readTree(Path.of("../../tests/unit/expression_cases.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
