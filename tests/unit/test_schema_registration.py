"""What is registered is what git says, once, in order, whatever the registry does in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.subject_files import load_subjects
from headwater.pipelines.subject_registration import (
    RegisteredId,
    carry_out,
    registered_ids,
    registry_findings,
    steps_to_register,
)
from headwater.schemas.contracts.subjects import Subject
from headwater.schemas.errors import DeclarationError, RegistryError
from tests.unit.contract_files import SPENT, SUBJECT, click, field, write_subject
from tests.unit.fake_registry import LOST, Answer, FakeRegistry

VERSIONS = [click(SPENT), click(SPENT, field("shop", "string")), click(SPENT, field("shop", "string"), doc="A click.")]
TEXTS = [json.dumps(schema) for schema in VERSIONS]


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        yield server


@pytest.fixture
def subjects(tmp_path: Path) -> tuple[Subject, ...]:
    write_subject(tmp_path, VERSIONS, level="FORWARD_TRANSITIVE")
    write_subject(tmp_path, [click(SPENT)], level="FULL", subject="visits-value")
    return load_subjects(tmp_path).subjects


def register(fake: FakeRegistry, subjects: tuple[Subject, ...]) -> list[RegisteredId]:
    with Registry(Settings(registry_url=fake.url)) as registry:
        carry_out(registry, steps_to_register(registry, subjects))
        return registered_ids(registry, subjects)


def differences(fake: FakeRegistry, subjects: tuple[Subject, ...]) -> list[str]:
    with Registry(Settings(registry_url=fake.url)) as registry:
        return [f"{each.where}: {each.what}" for each in registry_findings(registry, subjects)]


def test_a_subjects_level_is_set_before_its_first_version_and_versions_come_oldest_first(
    fake: FakeRegistry, subjects: tuple[Subject, ...]
) -> None:
    ids = register(fake, subjects)
    assert fake.writes == [
        f"PUT /config/{SUBJECT}",
        *[f"POST /subjects/{SUBJECT}/versions"] * 3,
        "PUT /config/visits-value",
        "POST /subjects/visits-value/versions",
    ]
    assert fake.levels == {SUBJECT: "FORWARD_TRANSITIVE", "visits-value": "FULL"}
    assert fake.versions[SUBJECT] == TEXTS
    assert ids[:3] == [RegisteredId(SUBJECT, f"v{n}", n) for n in (1, 2, 3)]
    assert ids[3] == RegisteredId("visits-value", "v1", 1)
    assert differences(fake, subjects) == []


def test_registering_again_changes_nothing(fake: FakeRegistry, subjects: tuple[Subject, ...]) -> None:
    ids = register(fake, subjects)
    fake.calls.clear()
    assert register(fake, subjects) == ids
    assert fake.writes == []


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("interrupted_at", range(6))
def test_a_registration_that_was_cut_short_anywhere_is_completed_by_the_next(
    fake: FakeRegistry, subjects: tuple[Subject, ...], interrupted_at: int, is_lost: bool
) -> None:
    """At each write the registry fails, before it has done it, or after it has and before it says so."""

    def fails(method: str, path: str) -> Answer | None:
        if method == "GET" or len(fake.writes) <= interrupted_at:
            return None
        return LOST if is_lost else (500, "down")

    fake.fault = fails
    with pytest.raises(RegistryError):
        register(fake, subjects)
    assert SUBJECT in fake.levels or not fake.versions.get(SUBJECT)
    assert fake.versions.get(SUBJECT, []) == TEXTS[: len(fake.versions.get(SUBJECT, []))]

    fake.fault = lambda method, path: None
    register(fake, subjects)
    assert fake.versions == {SUBJECT: TEXTS, "visits-value": TEXTS[:1]}
    assert differences(fake, subjects) == []


def test_a_schema_that_the_registry_has_written_in_its_own_way_is_not_registered_again(
    fake: FakeRegistry, subjects: tuple[Subject, ...]
) -> None:
    fake.levels[SUBJECT] = "FORWARD_TRANSITIVE"
    fake.versions[SUBJECT] = [json.dumps({**VERSIONS[0], "name": "web.Click"}, sort_keys=True)]
    register(fake, subjects[:1])
    assert len(fake.versions[SUBJECT]) == 3


def edited(fake: FakeRegistry) -> None:
    fake.versions[SUBJECT] = [json.dumps(click(field("spent", "double")))]


def of_another_origin(fake: FakeRegistry) -> None:
    fake.versions[SUBJECT] = [*TEXTS, json.dumps(click())]


def with_references(fake: FakeRegistry) -> None:
    fake.versions[SUBJECT] = TEXTS[:1]
    fake.references = [{"name": "web.Shop", "subject": "shop-value", "version": 1}]


CONTRADICTIONS: dict[str, tuple[Any, str]] = {
    "an edit": (edited, f"{SUBJECT}: version 1 (id 1) is not the schema of {SUBJECT}/v1.avsc"),
    "a version of another origin": (of_another_origin, f"{SUBJECT}: version 4 (id 4) is registered, but not in git"),
    "references": (with_references, "version 1 (id 1) refers to shop-value, but clicks-value/v1.avsc stands alone"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_nothing_at_all_is_registered_while_the_registry_contradicts_git(
    fake: FakeRegistry, subjects: tuple[Subject, ...], case: str
) -> None:
    arrange, told = CONTRADICTIONS[case]
    arrange(fake)
    with pytest.raises(DeclarationError) as refused:
        register(fake, subjects)
    assert told in str(refused.value)
    assert fake.writes == []
    assert any(told in each for each in differences(fake, subjects))


def test_what_is_missing_and_what_level_is_another_is_told(fake: FakeRegistry, subjects: tuple[Subject, ...]) -> None:
    fake.versions[SUBJECT], fake.levels[SUBJECT] = TEXTS[:2], "NONE"
    assert differences(fake, subjects) == [
        f"{SUBJECT}: its level is NONE, not FORWARD_TRANSITIVE",
        f"{SUBJECT}: v3 is not registered",
        "visits-value: v1 is not registered",
    ]
    with Registry(Settings(registry_url=fake.url)) as registry:
        steps = steps_to_register(registry, subjects)
    assert [str(step) for step in steps] == [
        "set the level FORWARD_TRANSITIVE in place of NONE",
        "register v3",
        "set the level FULL",
        "register v1",
    ]
