"""A kernel reads the state of the ones before it, and goes on from there as they would have themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.properties.harness import KernelHarness
from tests.properties.kept_states import AGGREGATED, KeptState, go_on, kept_states


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelHarness]:
    harness = KernelHarness()
    yield harness
    harness.close()


@pytest.mark.parametrize("kept", kept_states(), ids=lambda kept: kept.name)
def test_a_kernel_goes_on_from_an_older_ones_state_as_that_would_itself(kernel: KernelHarness, kept: KeptState) -> None:
    assert kept.rows
    assert go_on(kernel, kept) == kept.rows


def test_the_states_that_are_kept_have_every_aggregate() -> None:
    found = {feature.aggregate for kept in kept_states() for feature in kept.plan.features}
    assert found >= AGGREGATED
