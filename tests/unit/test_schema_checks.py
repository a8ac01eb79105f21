"""What `headwater schemas check` finds in files and views, each with where it is and what to do."""

from __future__ import annotations

import json
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.contracts import BUNDLED
from headwater.pipelines.schema_checks import check_directory, check_views, seal_directory
from headwater.pipelines.subject_files import load_subjects
from headwater.schemas.contracts.canonical import digest
from headwater.schemas.errors import ContractError
from tests.unit.contract_files import (
    CLICKED_AT,
    SPENT,
    SUBJECT,
    USER,
    click,
    field,
    findings,
    write_subject,
    write_views,
)

SHOP = Path(__file__).parents[2] / "pipelines" / "shop"


def test_the_products_own_schemas_break_no_rule() -> None:
    directory = load_subjects(BUNDLED)
    assert [subject.name for subject in directory.subjects] == ["shop.purchases-value"]
    assert check_directory(directory) == []
    views, found = check_views(directory, SHOP)  # what the job writes is checked with the view: log, dead letters, late
    assert [view.plan.view for view in views] == ["customer_purchases"]
    assert found == []


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write_subject(tmp_path, [click(field("x", "integer")), click(field("y", "int", doc=""))])
    write_subject(tmp_path, [click(field("z", "int", doc=""))], subject="visits-value")
    (tmp_path / "visits-value" / "v2.avsc").write_text("{")
    (tmp_path / "visits-value" / "new.avsc").write_text("{}")
    (tmp_path / "orphan-value").mkdir()
    (tmp_path / "orphan-value" / "v1.avsc").write_text(json.dumps(click()))
    text = "\n".join(findings(tmp_path))
    for told in (
        "there is no type 'integer'",
        "y has no doc",
        "z has no doc",
        "visits-value/v2.avsc : cannot be read as JSON",
        "visits-value/new.avsc : is not named like a version",
        "orphan-value has no terms",
    ):
        assert told in text


AGAIN = {"headwater.version": 2}
WIDER = click(field("spent", "long"))
RICHER = click(SPENT, field("shop", "string"))
OTHER = click(field("spent", "string"))


@pytest.mark.parametrize(
    ("level", "versions", "told"),
    [
        ("BACKWARD", [click(SPENT), WIDER], []),
        (
            "FORWARD",
            [click(SPENT), WIDER],
            ["readers of v1 cannot read what v2 writes: spent is int, but long was written"],
        ),
        ("FORWARD", [click(SPENT), RICHER], []),
        ("BACKWARD", [click(SPENT), RICHER], ["readers of v2 cannot read what v1 writes: shop was not written"]),
        ("FULL", [click(SPENT), OTHER], ["readers of v2 cannot read what v1", "readers of v1 cannot read what v2"]),
        ("NONE", [click(SPENT), OTHER], []),
        (
            "BACKWARD",
            [click(SPENT), click(), OTHER],
            ["readers of v3 cannot read what v2 writes: spent was not written"],
        ),
        (
            "BACKWARD_TRANSITIVE",
            [click(field("spent", "boolean")), click(), click(field("spent", "int", default=0))],
            ["readers of v3 cannot read what v1 writes: spent is int, but boolean was written"],
        ),
        ("BACKWARD", [click(field("spent", "boolean")), click(), click(field("spent", "int", default=0))], []),
        (
            "FORWARD_TRANSITIVE",
            [click(SPENT), click(SPENT, **AGAIN), OTHER],
            ["readers of v1 and v2 cannot read what v3"],
        ),
        ("FULL_TRANSITIVE", [click(), click(field("a", "int", default=0)), click()], ["is the same schema as v1"]),
    ],
)
def test_each_version_keeps_what_the_level_promises(
    tmp_path: Path, level: str, versions: list[Any], told: list[str]
) -> None:
    found = findings(write_subject(tmp_path, versions, level=level))
    assert len(found) == len(told), found
    for said, each in zip(told, sorted(found, key=lambda text: "what v2 writes" in text), strict=True):
        assert said in each


def test_a_break_names_the_place_in_both_files(tmp_path: Path) -> None:
    (found,) = check_directory(load_subjects(write_subject(tmp_path, [click(SPENT), WIDER], level="FORWARD")))
    assert (found.where, found.path) == (f"{SUBJECT}/v2.avsc", "$.fields[2].type")
    assert "(FORWARD; in v1 at $.fields[2].type)" in found.what
    assert "only long or float or double can take a long" in found.remedy


def test_an_edit_of_a_published_version_is_found(tmp_path: Path) -> None:
    root = write_subject(tmp_path, [click(SPENT)])
    (root / SUBJECT / "v1.avsc").write_text(json.dumps(click(field("spent", "int", doc="In cent."))))
    (found,) = findings(root)
    assert "v1 was edited after it was published" in found


def test_other_blanks_and_another_order_of_attributes_are_no_edit(tmp_path: Path) -> None:
    root = write_subject(tmp_path, [click(SPENT)])
    schema = {key: click(SPENT)[key] for key in ("fields", "namespace", "name", "type")}
    (root / SUBJECT / "v1.avsc").write_text(json.dumps(schema, indent=4))
    assert findings(root) == []


@pytest.mark.parametrize(
    "written",
    [
        {**click(SPENT), "name": "web.Click", "namespace": "web"},
        {**click(SPENT), "fields": [{**USER, "type": {"type": "long"}}, CLICKED_AT, {**SPENT, "order": "ascending"}]},
        {**click(SPENT), "aliases": []},
    ],
)
def test_what_a_registry_rewrites_is_the_same_schema(written: Any) -> None:
    assert digest(written) == digest(click(SPENT))


@pytest.mark.parametrize(
    "edited", [click(WIDER), click({**SPENT, "default": 0}), click(SPENT, doc="x"), click({**SPENT, "aliases": ["a"]})]
)
def test_what_anyone_could_read_out_of_a_schema_makes_it_another(edited: Any) -> None:
    assert digest(edited) != digest(click(SPENT))


def test_a_published_version_that_is_gone_is_found(tmp_path: Path) -> None:
    root = write_subject(tmp_path, [click(SPENT), click(SPENT, doc="New.")])
    (root / SUBJECT / "v2.avsc").unlink()
    assert "v2 of clicks-value was published, but v2.avsc is gone" in findings(root)[0]


def test_a_version_left_out_is_found(tmp_path: Path) -> None:
    root = write_subject(tmp_path, [click(SPENT)])
    (root / SUBJECT / "v3.avsc").write_text(json.dumps(RICHER))
    assert any("v3 follows v1" in each for each in findings(root))


@pytest.mark.parametrize("newer", [click(SPENT, doc="New."), click({**SPENT, "aliases": ["paid"]})])
def test_a_version_that_apicurio_would_not_take_for_a_new_one_is_found(tmp_path: Path, newer: Any) -> None:
    (found,) = findings(write_subject(tmp_path, [click(SPENT), newer]))
    assert "v2.avsc $: differs from v1 in docs or aliases only" in found


def test_sealing_adds_the_digests_and_nothing_else(tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT)])
    write_subject(tmp_path, [click()], subject="visits-value", sealed=False)
    (tmp_path / SUBJECT / "v2.avsc").write_text(json.dumps(RICHER))
    before = (tmp_path / "subjects.toml").read_text()
    directory, added = seal_directory(load_subjects(tmp_path))
    assert added == {SUBJECT: {"v2": digest(RICHER)}, "visits-value": {"v1": digest(click())}}
    assert check_directory(directory) == []
    changed = list(ndiff(before.splitlines(), (tmp_path / "subjects.toml").read_text().splitlines()))
    assert [line for line in changed if line.startswith("-")] == []
    added_lines = [line[2:] for line in changed if line.startswith("+")]
    assert sorted(line.split(" ")[0] for line in added_lines) == ["", '["visits-value".published]', "v1", "v2"]
    assert seal_directory(directory) == (directory, {})


def test_nothing_is_sealed_that_breaks_a_rule(tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT), WIDER], level="FORWARD", sealed=False)
    before = (tmp_path / "subjects.toml").read_bytes()
    assert seal_directory(load_subjects(tmp_path))[1] == {}
    assert (tmp_path / "subjects.toml").read_bytes() == before


def test_sealing_a_file_that_it_cannot_add_to_says_what_to_write(tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT)], sealed=False, more="published = {}")
    with pytest.raises(ContractError, match=r"cannot be added to; write this into it:\n.*clicks-value.*sha256:"):
        seal_directory(load_subjects(tmp_path))


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ('owner = "o"\ncompatibility = "SOME"', "compatibility: Input should be 'NONE', 'BACKWARD'"),
        ('owner = ""\ncompatibility = "NONE"', "owner: String should have at least 1 character"),
        ('owner = "o"\ncompatibility = "NONE"\nlevel = "NONE"', "level: Extra inputs are not permitted"),
        ('owner = "o"\ncompatibility = "NONE"\npublished = {v1 = "x"}', "is not a version and its digest"),
        ('owner = "o"\ncompatibility = "NONE"\nwaive = ["compatibility"]', "compatibility cannot be waived"),
        ("owner", "cannot be read as TOML"),
    ],
)
def test_terms_that_are_none_are_told_by_their_place(tmp_path: Path, terms: str, told: str) -> None:
    write_subject(tmp_path, [click(SPENT)])
    (tmp_path / "subjects.toml").write_text(f'["{SUBJECT}"]\n{terms}\n')
    assert told in "\n".join(findings(tmp_path))


def test_terms_of_no_schema_are_found(tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT)])
    write_subject(tmp_path, [], subject="ghosts-value")
    assert 'subjects.toml ["ghosts-value"]: there is no schema in ghosts-value/' in findings(tmp_path)


@pytest.mark.parametrize("below", [".", "subjects", "schemas/subjects"])
def test_subjects_are_found_in_a_directory_above_them(tmp_path: Path, below: str) -> None:
    write_subject(tmp_path / below, [click(SPENT)])
    assert findings(tmp_path) == []


def test_a_directory_without_subjects_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there are no subjects"):
        load_subjects(tmp_path)


def broken_views(tmp_path: Path, *versions: Any, level: str = "NONE") -> list[str]:
    directory = load_subjects(write_subject(tmp_path / "subjects", versions, level=level))
    _, found = check_views(directory, write_views(tmp_path / "views"))
    return [f"{each.where} {each.path}: {each.what} ({each.remedy})" for each in found]


def test_a_removed_field_breaks_the_view_that_needs_it_and_names_view_feature_and_field(tmp_path: Path) -> None:
    (found,) = broken_views(tmp_path, click(SPENT), click(field("paid", "int")))
    assert "view user_clicks features.spent_mean" in found
    assert "clicks-value/v2.avsc breaks it: the schema has no field 'spent'" in found


def test_a_field_that_became_unfit_for_its_aggregate_breaks_the_view(tmp_path: Path) -> None:
    (found,) = broken_views(tmp_path, click(SPENT), OTHER)
    assert "view user_clicks features.spent_mean" in found
    assert "mean of spent, of type string" in found


def test_a_view_that_cannot_read_older_events_is_told_with_the_features_that_this_costs(tmp_path: Path) -> None:
    (found,) = broken_views(tmp_path, click(), click(SPENT), level="FORWARD")
    assert "view user_clicks field spent" in found
    assert "clicks-value/v2.avsc cannot read what v1 writes" in found
    assert "this costs feature spent_mean_5m" in found


@pytest.mark.parametrize(
    "newer",
    [
        WIDER,
        RICHER,
        click(field("outlay", "int", aliases=["spent"]), SPENT | {"aliases": []})
        | {"fields": [USER, CLICKED_AT, SPENT, field("outlay", "int", default=0)]},
        {**click(SPENT), "fields": [SPENT, CLICKED_AT, USER]},
    ],
)
def test_a_change_that_no_view_feels_is_no_finding(tmp_path: Path, newer: Any) -> None:
    assert broken_views(tmp_path, click(SPENT), newer) == []


def test_a_mistake_of_the_view_itself_is_told_as_it_is(tmp_path: Path) -> None:
    directory = load_subjects(write_subject(tmp_path / "subjects", [click(), click(**AGAIN)]))
    _, (found,) = check_views(directory, write_views(tmp_path / "views"))
    assert "breaks it" not in found.what
