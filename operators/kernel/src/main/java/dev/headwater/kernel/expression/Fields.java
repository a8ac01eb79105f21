package dev.headwater.kernel.expression;

import dev.cel.common.values.CelByteString;
import dev.cel.common.values.NullValue;
import dev.cel.runtime.CelVariableResolver;
import dev.headwater.kernel.plan.ColumnType;
import dev.headwater.kernel.plan.Plan;
import dev.headwater.kernel.plan.TimeUnit;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The values that the variables of one source have in one event. Null until set. One per thread, reused. */
public final class Fields implements CelVariableResolver {
    /** Between these, the bounds excluded, a time can be read: years 1 to 9999. */
    private static final long EARLIEST_US = -62_135_596_800_000_000L;

    private static final long LATEST_US = 253_402_300_799_999_999L;

    private final List<Plan.Variable> variables;
    private final Map<String, Integer> indexes = new HashMap<>();
    private final Object[] values;

    Fields(List<Plan.Variable> variables) {
        this.variables = variables;
        values = new Object[variables.size()];
        for (int i = 0; i < values.length; i++) {
            indexes.put(variables.get(i).name(), i);
        }
    }

    /** Sets a variable, by its position in the plan, to null. */
    public void setNull(int variable) {
        values[variable] = NullValue.NULL_VALUE;
    }

    /** Sets a variable to a number: a long or time as it is, a double as its raw bits, a boolean as 0 or 1. */
    public void setNumber(int variable, long bits) {
        Plan.Variable declared = variables.get(variable);
        values[variable] = switch (declared.type()) {
            case DOUBLE -> Double.longBitsToDouble(bits);
            case BOOLEAN -> bits != 0;
            default -> declared.timestamp() == null ? (Object) bits : time(bits, declared.timestamp());
        };
    }

    /** Sets a variable to a text, given as UTF-8, or to bytes, which are copied. */
    public void setBlob(int variable, byte[] bytes, int from, int length) {
        boolean text = variables.get(variable).type() == ColumnType.STRING;
        values[variable] = text
                ? new String(bytes, from, length, StandardCharsets.UTF_8)
                : CelByteString.of(Arrays.copyOfRange(bytes, from, from + length));
    }

    @Override
    public Optional<Object> find(String name) {
        Integer index = indexes.get(name);
        return index == null ? Optional.empty() : Optional.ofNullable(values[index]);
    }

    boolean isNull(int variable) {
        return values[variable] == NullValue.NULL_VALUE;
    }

    /** False for a time that CEL has no value for. */
    boolean isReadable(int variable) {
        return values[variable] != null;
    }

    /** Null if CEL has no value for such a time. */
    private static Instant time(long value, TimeUnit unit) {
        long perUs = unit == TimeUnit.MS ? 1000 : 1;
        if (value <= EARLIEST_US / perUs || value > LATEST_US / perUs || value == LATEST_US) {
            return null;
        }
        return Instant.EPOCH.plus(value, unit == TimeUnit.MS ? ChronoUnit.MILLIS : ChronoUnit.MICROS);
    }
}
