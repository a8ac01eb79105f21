"""The Helm chart says what the code says: what can be told without helm. The rest is in `tests/more/test_chart.py`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headwater.pipelines.application import ARGUMENTS, DRIVER
from headwater.pipelines.compute import MAX_PARALLELISM
from headwater.pipelines.jars import JOB_PACKAGES
from headwater.pipelines.schema_checks import check_directory
from headwater.pipelines.subject_files import load_subjects
from headwater.pipelines.submission import OPENED_PACKAGES
from headwater.schemas.plan import PLAN_FORMAT
from tests.dockerfile import ROOT, stages

CHART = ROOT / "helm/headwater"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
FLINK = (CHART / "templates/_flink.tpl").read_text()
COMPUTE = (CHART / "templates/compute.yaml").read_text()
IMAGE = stages()[-1].environment


def test_the_readme_lists_every_value_with_its_default() -> None:
    table = re.findall(r"^\| `([^`]+)` \| `(.*)` \| .+ \|$", (CHART / "README.md").read_text(), re.MULTILINE)
    listed = {name: json.loads(default) for name, default in table}
    assert len(listed) == len(table)
    assert listed == {name: value_of(name) for name in listed}, "the README's default is not the one in values.yaml"
    for name, _ in leaves(VALUES):
        assert any(name == each or name.startswith(f"{each}.") for each in listed), f"{name} is not in the README"


def test_the_schema_knows_every_value_and_takes_every_default() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    for name, _ in leaves(VALUES):
        at: Any = SCHEMA
        for part in name.split("."):
            at = SCHEMA["definitions"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
            at = at["properties"][part]


@pytest.mark.parametrize("name", ["small", "production", "multi-tenant"])
def test_an_example_with_its_plans_fits_the_schema(name: str) -> None:
    values = yaml.safe_load((CHART / f"examples/{name}.yaml").read_text())
    for view in values.get("views", {}).values():
        view["plan"] = "{}"
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafak": {}},
        {"compute": {"paralelism": 1}},
        {"views": {"v": {"plan": "{}", "materialise": {}}}},
        {"views": {"v": {}}},
    ],
)
def test_the_schema_takes_no_misspelt_value(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_the_schema_allows_as_much_parallelism_as_a_job_can_have() -> None:
    assert SCHEMA["definitions"]["compute"]["properties"]["parallelism"]["maximum"] == MAX_PARALLELISM


def test_a_job_is_started_by_the_program_that_builds_it() -> None:
    assert f"args: [{', '.join(ARGUMENTS)}, /etc/headwater/plan/plan.json]" in COMPUTE
    assert f"entryClass: {DRIVER}" in COMPUTE


def test_flinks_program_for_python_is_where_the_image_has_it() -> None:
    import pyflink

    (jar,) = re.findall(r"jarURI: local://(\S+)", COMPUTE)
    assert jar.startswith(f"{IMAGE['FLINK_HOME']}/opt/")
    assert (Path(pyflink.__file__).parent / "opt" / Path(jar).name).is_file()


def test_flink_is_told_what_the_jobs_jars_and_pyflink_need() -> None:
    assert f"classloader.parent-first-patterns.additional: {';'.join(JOB_PACKAGES)}\n" in FLINK
    (options,) = re.findall(r"env.java.opts.jobmanager: (.*)", FLINK)
    assert set(OPENED_PACKAGES) <= set(options.split())
    assert "python.client.executable: /opt/headwater/bin/python\n" in FLINK
    assert IMAGE["PATH"].startswith("/opt/headwater/bin:")


def test_contracts_are_read_through_the_links_by_which_kubernetes_mounts_them(tmp_path: Path) -> None:
    content = tmp_path / "..2026_11_24_12_00_00.1234"
    shutil.copytree(ROOT / "schemas/subjects", content)
    (tmp_path / "..data").symlink_to(content.name)
    for each in content.iterdir():
        (tmp_path / each.name).symlink_to(Path("..data") / each.name)
    mounted = load_subjects(tmp_path)
    assert [each.name for each in mounted.subjects] == ["shop.purchases-value"]
    assert check_directory(mounted) == []


def test_the_chart_takes_plans_of_the_format_that_is_written() -> None:
    names = (CHART / "templates/_names.tpl").read_text()
    assert f"(ne (int $plan.format) {PLAN_FORMAT})" in names


def value_of(name: str) -> Any:
    found: Any = VALUES
    for part in name.split("."):
        found = found[part]
    return found


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value and not {"ports", "requests"} & value.keys():
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
