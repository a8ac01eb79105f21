"""Views found by path, with the Avro files that lie beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.pipelines.contracts import find_contract
from headwater.pipelines.declarations import load_plans
from headwater.schemas.errors import ContractError, DeclarationError

SCHEMA = {
    "type": "record",
    "name": "Click",
    "fields": [{"name": "user", "type": "long"}, {"name": "at", "type": "long"}, {"name": "ms", "type": "int"}],
}
VIEWS = """
from headwater.schemas import EventSource, FeatureView, count_events, mean_of

clicks = EventSource(topic="clicks", key="user", event_time="at", event_time_unit="ms")
user_clicks = FeatureView(
    name="{name}", source=clicks, owner="o", description="d",
    features=[count_events(over=["5m"]), mean_of("{field}", over="5m")],
)
"""


def write(directory: Path, name: str = "user_clicks", field: str = "ms") -> Path:
    file = directory / f"{name}.py"
    file.write_text(VIEWS.format(name=name, field=field))
    return file


def write_schema(directory: Path, version: int = 1) -> Path:
    file = directory / "clicks-value" / f"v{version}.avsc"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(SCHEMA))
    return file


@pytest.mark.parametrize("below", ["subjects", "schemas/subjects", "schemas", "."])
def test_a_directory_of_views_is_compiled_with_the_schemas_beside_it(tmp_path: Path, below: str) -> None:
    write(tmp_path)
    write_schema(tmp_path / below)
    (compiled,) = load_plans(tmp_path)
    assert [feature.name for feature in compiled.plan.features] == ["count_5m", "ms_mean_5m"]


def test_the_newest_version_of_a_schema_is_the_readers(tmp_path: Path) -> None:
    for version in (2, 10, 1):
        write_schema(tmp_path, version)
    contract = find_contract("clicks-value", [tmp_path])
    assert [file.name for file in contract.files] == ["v1.avsc", "v2.avsc", "v10.avsc"]


def test_a_missing_schema_says_where_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"write .*subjects/clicks-value/v1\.avsc"):
        find_contract("clicks-value", [tmp_path])


def test_mistakes_in_several_files_are_told_at_once(tmp_path: Path) -> None:
    write_schema(tmp_path)
    write(tmp_path, "one", "nope")
    write(tmp_path, "two", "user.x")
    (tmp_path / "three.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "four.py").write_text("def broken(:\n")
    with pytest.raises(DeclarationError) as caught:
        load_plans(tmp_path)
    text = str(caught.value)
    for said in ("one.py:", "two.py:", "three.py:1: ModuleNotFoundError", "four.py:1: SyntaxError"):
        assert said in text


def test_two_views_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    write_schema(tmp_path)
    (tmp_path / "other.py").write_text(write(tmp_path).read_text())
    with pytest.raises(DeclarationError, match="the name is taken by"):
        load_plans(tmp_path)


def test_a_view_imported_from_another_file_counts_once(tmp_path: Path) -> None:
    write_schema(tmp_path)
    write(tmp_path)
    (tmp_path / "all.py").write_text("from user_clicks import user_clicks\n")
    assert len(load_plans(tmp_path)) == 1


@pytest.mark.parametrize("text", ["", "x = 1\n"])
def test_a_path_without_views_is_a_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.py").write_text(text)
    with pytest.raises(DeclarationError, match="declares no FeatureView"):
        load_plans(tmp_path)


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="no such file"):
        load_plans(tmp_path / "nowhere")


def test_a_file_beside_the_views_may_hold_dataclasses(tmp_path: Path) -> None:
    write(tmp_path)
    write_schema(tmp_path)
    lines = [
        "from __future__ import annotations",
        "import dataclasses",
        "@dataclasses.dataclass(frozen=True, slots=True)",
    ]
    (tmp_path / "helpers.py").write_text("\n".join([*lines, "class Row:", "    user: int"]))
    (compiled,) = load_plans(tmp_path)
    assert compiled.plan.view == "user_clicks"


def test_a_file_that_fails_is_told_with_its_line_though_its_path_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("a = 1\nb = 0\nc = a / b\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeclarationError) as raised:
        load_plans(Path("broken.py"))
    assert "broken.py:3" in str(raised.value)
