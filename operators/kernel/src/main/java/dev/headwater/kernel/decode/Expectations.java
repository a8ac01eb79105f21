package dev.headwater.kernel.decode;

import dev.headwater.kernel.event.Reason;
import dev.headwater.kernel.expression.Expression;
import dev.headwater.kernel.plan.Plan;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.SimpleCounter;

/**
 * What should be true of every event of one source that counts: checked last, each on every event whatever the others
 * say, and counted. Not thread-safe.
 */
final class Expectations {
    private final List<Check> checks = new ArrayList<>();
    private final RowExpressions expressions;

    /** {@code condition} is null if the event must have come to Kafka in time. */
    private record Check(Plan.Expectation expectation, Expression condition, Counter checked, Counter failed) {}

    /** {@code expressions} may be null if no expectation is a condition. */
    Expectations(List<Plan.Expectation> expectations, RowExpressions expressions) {
        this.expressions = expressions;
        for (Plan.Expectation each : expectations) {
            Expression condition = each.isCondition() ? compile(each) : null;
            checks.add(new Check(each, condition, new SimpleCounter(), new SimpleCounter()));
        }
    }

    /** Makes the counts metrics, labelled by the expectation's name. */
    void register(MetricGroup group) {
        for (Check check : checks) {
            MetricGroup own = group.addGroup("expectation", check.expectation.name());
            own.counter("checks", check.checked);
            own.counter("failures", check.failed);
        }
    }

    /** How often the expectation of this name was checked and not met, for tests. */
    long[] counts(String name) {
        Check check = checks.stream()
                .filter(each -> each.expectation.name().equals(name))
                .findFirst()
                .orElseThrow();
        return new long[] {check.checked.getCount(), check.failed.getCount()};
    }

    /**
     * Checks the event whose variables are loaded. Throws if it does not count, or if it must stop the job.
     *
     * @param latenessUs Kafka's timestamp less the event time
     */
    void check(long latenessUs) throws RejectedException {
        List<Plan.Expectation> unmet = null;
        for (Check check : checks) {
            check.checked.inc();
            if (!isMet(check, latenessUs)) {
                check.failed.inc();
                if (check.expectation.isRequired()) {
                    unmet = unmet == null ? new ArrayList<>() : unmet;
                    unmet.add(check.expectation);
                }
            }
        }
        if (unmet != null) {
            refuse(unmet);
        }
    }

    private Expression compile(Plan.Expectation expectation) {
        return expectation.isRequired()
                ? expressions.compile(expectation.cel())
                : expressions.compileUndecisive(expectation.cel());
    }

    private boolean isMet(Check check, long latenessUs) {
        return check.condition == null
                ? latenessUs <= check.expectation.freshWithinMs() * 1000
                : expressions.isNotFalse(check.condition);
    }

    private static void refuse(List<Plan.Expectation> unmet) throws RejectedException {
        List<Plan.Expectation> stopping =
                unmet.stream().filter(Plan.Expectation::stops).toList();
        throw stopping.isEmpty()
                ? new RejectedException(Reason.EXPECTATION_FAILED, told(unmet))
                : RejectedException.stopping(Reason.EXPECTATION_FAILED, told(stopping));
    }

    /** The same text as in schemas/dead_letter.py, which reads the names from it. */
    private static String told(List<Plan.Expectation> unmet) {
        String names = unmet.stream().map(Plan.Expectation::name).collect(Collectors.joining(", "));
        String expected = unmet.stream()
                .map(each -> each.name() + " expects "
                        + (each.isCondition() ? each.cel() : "fresh within " + each.freshWithinMs() + " ms"))
                .collect(Collectors.joining("; "));
        return "not met: " + names + " (" + expected + ")";
    }
}
