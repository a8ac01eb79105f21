"""The mutations still fit the kernel's sources; that they are caught is for `make mutations` to show."""

from __future__ import annotations

import pytest

from tests.mutations.run import SOURCES
from tests.mutations.table import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mutation_replaces_stands_in_its_file_once(mutation: Mutation) -> None:
    assert (SOURCES / mutation.file).read_text(encoding="utf-8").count(mutation.text) == 1
    assert mutation.text != mutation.replacement


def test_no_two_mutations_have_one_name() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 20
