package dev.headwater.kernel.expression;

import com.google.common.collect.ImmutableSet;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.CelType;
import dev.cel.common.types.NullableType;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerBuilder;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.cel.runtime.CelStandardFunctions;
import dev.cel.runtime.standard.CelStandardOverload;
import dev.cel.runtime.standard.GreaterEqualsOperator.GreaterEqualsOverload;
import dev.cel.runtime.standard.GreaterOperator.GreaterOverload;
import dev.cel.runtime.standard.LessEqualsOperator.LessEqualsOverload;
import dev.cel.runtime.standard.LessOperator.LessOverload;
import dev.cel.runtime.standard.ModuloOperator.ModuloOverload;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.PlanException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Compiles the expressions of one source. Making one takes about a second the first time in a JVM. */
public final class ExpressionScope {
    private static final CelOptions COMPILING =
            CelOptions.current().enableHeterogeneousNumericComparisons(false).build();
    private static final CelOptions RUNNING = CelOptions.current()
            .enableHeterogeneousNumericComparisons(true)
            .enableTimestampOverflowCheck(true)
            .build();

    /** Where Java's CEL differs from C++'s, and from the specification; see {@link #bindings}. */
    private static final Set<CelStandardOverload> REPLACED = ImmutableSet.of(
            LessOverload.LESS_STRING,
            LessEqualsOverload.LESS_EQUALS_STRING,
            GreaterOverload.GREATER_STRING,
            GreaterEqualsOverload.GREATER_EQUALS_STRING,
            ModuloOverload.MODULO_INT64);

    private final List<Plan.Variable> variables;
    private final CelCompiler compiler;
    private final CelRuntime runtime;

    public ExpressionScope(List<Plan.Variable> variables) {
        this.variables = variables;
        CelCompilerBuilder builder = CelCompilerFactory.standardCelCompilerBuilder()
                .setOptions(COMPILING)
                .setStandardMacros(CelStandardMacro.STANDARD_MACROS);
        for (Plan.Variable variable : variables) {
            builder.addVar(variable.name(), type(variable));
        }
        compiler = builder.build();
        runtime = CelRuntimeFactory.plannerRuntimeBuilder()
                .setOptions(RUNNING)
                .setStandardFunctions(CelStandardFunctions.newBuilder()
                        .filterFunctions((function, overload) -> !REPLACED.contains(overload))
                        .build())
                .addFunctionBindings(bindings())
                .build();
    }

    /** Values for the variables of this scope, all of them unset. */
    public Fields fields() {
        return new Fields(variables);
    }

    /** The compiled expression. Throws {@link PlanException} if it is not one of this scope. */
    public Expression compile(String text) {
        try {
            CelAbstractSyntaxTree tree = compiler.compile(text).getAst();
            Set<String> names = tree.getReferenceMap().values().stream()
                    .map(reference -> reference.name())
                    .collect(Collectors.toSet());
            int[] read = IntStream.range(0, variables.size())
                    .filter(i -> names.contains(variables.get(i).name()))
                    .toArray();
            return new Expression(text, runtime.createProgram(tree), type(text, tree.getResultType()), read);
        } catch (CelValidationException | CelEvaluationException e) {
            throw new PlanException("the expression '" + text + "': " + e.getMessage(), e);
        }
    }

    private static CelType type(Plan.Variable variable) {
        if (variable.timestamp() != null) {
            return SimpleType.TIMESTAMP;
        }
        CelType plain = switch (variable.type()) {
            case LONG -> SimpleType.INT;
            case DOUBLE -> SimpleType.DOUBLE;
            case BOOLEAN -> SimpleType.BOOL;
            case STRING -> SimpleType.STRING;
            case BYTES -> SimpleType.BYTES;
            case VECTOR -> throw new PlanException("the variable " + variable.name() + " is a vector");
        };
        return variable.nullable() ? NullableType.create(plain) : plain;
    }

    private static ColumnType type(String text, CelType result) {
        return switch (result.kind()) {
            case INT -> ColumnType.LONG;
            case DOUBLE -> ColumnType.DOUBLE;
            case BOOL -> ColumnType.BOOLEAN;
            case STRING -> ColumnType.STRING;
            case BYTES -> ColumnType.BYTES;
            default -> throw new PlanException("the expression '" + text + "' gives a " + result.name());
        };
    }

    /** Texts compare by code point, not by UTF-16 unit; and the remainder overflows where the quotient does. */
    private static List<CelFunctionBinding> bindings() {
        return List.of(
                CelFunctionBinding.from("less_string", String.class, String.class, (a, b) -> compare(a, b) < 0),
                CelFunctionBinding.from("less_equals_string", String.class, String.class, (a, b) -> compare(a, b) <= 0),
                CelFunctionBinding.from("greater_string", String.class, String.class, (a, b) -> compare(a, b) > 0),
                CelFunctionBinding.from("greater_equals_string", String.class, String.class, (a, b) -> compare(a, b) >= 0),
                CelFunctionBinding.from("modulo_int64", Long.class, Long.class, ExpressionScope::remainder));
    }

    private static int compare(String a, String b) {
        return Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }

    private static long remainder(long dividend, long divisor) {
        if (dividend == Long.MIN_VALUE && divisor == -1) {
            throw new ArithmeticException("integer overflow");
        }
        return dividend % divisor;
    }
}
