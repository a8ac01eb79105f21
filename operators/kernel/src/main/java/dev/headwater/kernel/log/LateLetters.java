package dev.headwater.kernel.log;

import dev.headwater.kernel.event.DeadLetter;
import dev.headwater.kernel.event.LateEvent;
import dev.headwater.kernel.plan.Plan;
import org.apache.flink.api.common.functions.MapFunction;

/** Late events of the kernel as dead letters. */
public final class LateLetters implements MapFunction<LateEvent, DeadLetter> {
    private static final long serialVersionUID = 1L;

    private final Plan plan;

    public LateLetters(String plan) {
        this.plan = Plan.parse(plan);
    }

    @Override
    public DeadLetter map(LateEvent late) {
        return DeadLetter.of(late, plan);
    }
}
