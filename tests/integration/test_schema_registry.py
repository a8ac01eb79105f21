"""Schemas go from git into a real registry, whose default level is NONE, and it agrees with our own checker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.registry import Registry as RegistryServer
from headwater.pipelines.subject_files import load_subjects
from headwater.pipelines.subject_registration import carry_out, registry_findings, steps_to_register
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import breaks
from headwater.schemas.errors import ContractError, RegistryError
from tests.unit.avro_pairs import schema_pairs
from tests.unit.contract_files import SPENT, click, field, write_subject

ROOT = Path(__file__).parents[2]
VERSIONS = [
    click(SPENT),
    click(field("spent", "double")),
    click(field("spent", "double"), field("a", "int", default=0)),
]


@pytest.fixture
def subject(unique_name: Callable[[str], str]) -> str:
    return f"{unique_name('clicks')}-value"


@pytest.fixture
def client(registry: RegistryServer) -> Iterator[Registry]:
    with Registry(Settings(registry_url=registry.url)) as opened:
        yield opened


def headwater(registry: RegistryServer, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`headwater schemas ...` as a process of its own."""
    command = (sys.executable, "-m", "headwater.pipelines.cli", "schemas", *map(str, arguments))
    return subprocess.run(
        command, cwd=ROOT, env=environment(registry), capture_output=True, text=True, timeout=120, check=False
    )


def environment(registry: RegistryServer) -> dict[str, str]:
    return {**os.environ, "HEADWATER_REGISTRY_URL": registry.url}


def test_the_default_level_of_this_registry_is_none_so_that_it_takes_whatever_comes(
    registry: RegistryServer, client: Registry, subject: str
) -> None:
    assert httpx.get(f"{registry.url}/config").json() == {"compatibilityLevel": "NONE"}
    assert client.level(subject) is None
    client.register(subject, VERSIONS[0])
    assert client.level(subject) == "NONE"
    client.register(subject, click(field("spent", "string")))


def test_what_is_in_git_is_registered_once_and_then_equal(
    registry: RegistryServer, client: Registry, subject: str, tmp_path: Path
) -> None:
    write_subject(tmp_path, VERSIONS, level="BACKWARD_TRANSITIVE", subject=subject)
    before = headwater(registry, "check", "--subjects", tmp_path, "--registry", "--json")
    assert [each["what"] for each in json.loads(before.stdout)["findings"]] == [
        f"v{number} is not registered" for number in (1, 2, 3)
    ]
    first, second = (headwater(registry, "register", "--subjects", tmp_path, "--json") for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stderr.splitlines()[0] == f"{subject}: set the level BACKWARD_TRANSITIVE"
    assert second.stderr == ""
    ids = json.loads(first.stdout)
    assert json.loads(second.stdout) == ids
    assert [each["version"] for each in ids] == ["v1", "v2", "v3"]
    for each, schema in zip(ids, VERSIONS, strict=True):
        assert json.loads(client.schema_text(each["schema_id"]) or "") == schema
    assert client.level(subject) == "BACKWARD_TRANSITIVE"
    assert headwater(registry, "check", "--subjects", tmp_path, "--registry").returncode == 0
    same = headwater(registry, "diff", subject, "registry:2", "v2", "--subjects", tmp_path, "--json")
    assert json.loads(same.stdout)["changes"] == []


def test_a_process_that_is_killed_between_two_calls_is_followed_by_one_that_completes_its_work(
    registry: RegistryServer, client: Registry, subject: str, tmp_path: Path
) -> None:
    schemas = [click(SPENT, **{"headwater.version": number}) for number in range(1, 31)]
    write_subject(tmp_path, schemas, level="FULL_TRANSITIVE", subject=subject)
    command = (sys.executable, "-m", "headwater.pipelines.cli", "schemas", "register", "--subjects", str(tmp_path))
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(registry), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        assert any("register v3" in line for line in process.stderr)
        process.send_signal(signal.SIGKILL)
        process.stderr.read()
    reached = client.subject(subject)
    assert reached.level == "FULL_TRANSITIVE"
    assert 3 <= len(reached.versions) < 30
    assert headwater(registry, "register", "--subjects", tmp_path).returncode == 0
    assert [each.schema for each in client.subject(subject).versions] == schemas


def test_the_registry_itself_refuses_what_breaks_the_level_that_was_set(
    client: Registry, subject: str, tmp_path: Path
) -> None:
    directory = load_subjects(write_subject(tmp_path, VERSIONS[:1], level="BACKWARD", subject=subject))
    carry_out(client, steps_to_register(client, directory.subjects))
    with pytest.raises(ContractError, match="refuses a schema"):
        client.register(subject, click(field("spent", "string")))
    assert registry_findings(client, directory.subjects) == []


def test_an_edit_is_told_and_not_registered(
    registry: RegistryServer, client: Registry, subject: str, tmp_path: Path
) -> None:
    client.register(subject, VERSIONS[1])
    write_subject(tmp_path, VERSIONS[:1], subject=subject)
    refused = headwater(registry, "register", "--subjects", tmp_path)
    assert refused.returncode == 1
    assert "is not the schema of" in " ".join(refused.stderr.split())
    assert len(client.subject(subject).versions) == 1


def test_this_registry_takes_schemas_for_one_that_differ_in_texts_only_which_is_why_check_refuses_them(
    client: Registry, subject: str
) -> None:
    renamed = click({**SPENT, "aliases": ["paid"], "doc": "In cent."})
    assert client.register(subject, VERSIONS[0]) == client.register(subject, renamed)
    assert client.register(subject, {**renamed, "headwater.version": 2}) != client.register(subject, renamed)


def test_a_read_only_registry_is_told_and_nothing_is_half_done(
    registry: RegistryServer, client: Registry, subject: str, tmp_path: Path
) -> None:
    directory = load_subjects(write_subject(tmp_path, VERSIONS, level="BACKWARD", subject=subject))
    switch = f"{registry.url.removesuffix('/apis/ccompat/v7')}/apis/registry/v3/admin/config/properties"
    switch += "/apicurio.storage.read-only.enabled"
    httpx.put(switch, json={"value": "true"}).raise_for_status()
    try:
        for write in (
            lambda: client.register(subject, VERSIONS[0]),
            lambda: carry_out(client, steps_to_register(client, directory.subjects)),
        ):
            with pytest.raises(RegistryError, match="is read-only"):
                write()
    finally:
        httpx.put(switch, json={"value": "false"}).raise_for_status()
    assert client.subject(subject).versions == ()
    carry_out(client, steps_to_register(client, directory.subjects))
    assert registry_findings(client, directory.subjects) == []


def test_the_registrys_own_check_agrees_with_ours(registry: RegistryServer, client: Registry, subject: str) -> None:
    """It asks Avro's Java library, with which the job reads. Ours is never the laxer one."""
    verdicts: dict[bool, int] = {True: 0, False: 0}
    numbers = iter(range(10_000))

    @settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(schema_pairs())
    def compare(pair: tuple[Any, Any]) -> None:
        reader, writer = pair
        name = f"{next(numbers)}-{subject}"
        client.set_compatibility(name, "BACKWARD")
        client.register(name, writer)
        ours = not breaks(types_of(reader), types_of(writer))
        try:
            client.register(name, reader)
            theirs = True
        except ContractError:
            theirs = False
        verdicts[theirs] += 1
        assert ours == theirs, (reader, writer)

    compare()
    assert min(verdicts.values()) >= 10


def types_of(schema: Any) -> Any:
    return parse(schema)[0]
