"""Whether an event is as it is expected to be: the kernel's rules, naively."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.schemas.dead_letter import not_met
from headwater.schemas.errors import EvaluationError, ExpectationError
from headwater.schemas.expressions import Expression, Scope
from headwater.schemas.plan import ExpectationPlan, SourcePlan


class ExpectationChecks:
    """The expectations of one source; counts how often each was checked and not met, by name."""

    def __init__(self, source: SourcePlan, scope: Scope) -> None:
        self.checked = Counter[str]()
        self.failed = Counter[str]()
        self._topic = source.topic
        self._expectations = source.expectations
        self._conditions: dict[str, Expression] = {
            each.cel: scope.check(each.cel) for each in source.expectations if each.cel is not None
        }

    @property
    def required_conditions(self) -> Sequence[str]:
        """Those that decide whether an event counts."""
        return [each.cel for each in self._expectations if each.cel is not None and each.is_required]

    def unmet(self, variables: Mapping[str, Any], lateness_us: int) -> str | None:
        """What the dead letter of this event says; None if it counts. All expectations are checked, whatever is unmet.

        Args:
            variables: the values that expressions read.
            lateness_us: Kafka's timestamp less the event time, in microseconds.

        Raises:
            ExpectationError: the event stops the job.
        """
        unmet = [each for each in self._expectations if not self._is_met(each, variables, lateness_us)]
        self.checked.update(each.name for each in self._expectations)
        self.failed.update(each.name for each in unmet)
        if stopping := [each for each in unmet if each.action == "stop"]:
            raise ExpectationError(f"an event of {self._topic} stops the job: {_told(stopping)}")
        refusing = [each for each in unmet if each.is_required]
        return _told(refusing) if refusing else None

    def _is_met(self, expectation: ExpectationPlan, variables: Mapping[str, Any], lateness_us: int) -> bool:
        if expectation.fresh_within_ms is not None:
            return lateness_us <= expectation.fresh_within_ms * 1000
        try:
            return self._conditions[expectation.cel or ""].value(variables) is not False
        except EvaluationError:
            return False


def _told(unmet: Sequence[ExpectationPlan]) -> str:
    return not_met([(each.name, each.cel or f"fresh within {each.fresh_within_ms} ms") for each in unmet])
