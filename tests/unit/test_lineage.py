"""Which field reaches which feature, what the policy on personal data forbids, and how it is told to others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headwater.pipelines.cli import app
from headwater.pipelines.lineage_stores import stores_of
from headwater.pipelines.open_lineage import job_event
from headwater.pipelines.schema_checks import check_directory, check_views
from headwater.pipelines.settings import load_settings
from headwater.pipelines.subject_files import load_subjects
from headwater.schemas import (
    EventSource,
    FeatureView,
    compile_view,
    count_events,
    distinct_of,
    last_of,
    ratio_of,
    sum_of,
    top_k_of,
)
from headwater.schemas.lineage import lineage_of
from headwater.schemas.plan import Plan
from tests.unit.contract_files import CLICKED_AT, USER, field, write_subject, write_views

ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [field("street", "string", **{"headwater.pii": "sensitive"}), field("city", "string")],
}
EVENT = {
    "type": "record",
    "name": "Click",
    "namespace": "web",
    "fields": [
        USER,
        CLICKED_AT,
        field("mail", "string", **{"headwater.pii": "personal"}),
        field("spent", "double"),
        field("weight", "long"),
        field("address", ["null", ADDRESS], default=None),
    ],
}
VIEW = """
from headwater.schemas import EventSource, FeatureView, count_events, distinct_of, last_of

clicks = EventSource(topic="clicks", key="user", event_time="clicked_at", event_time_unit="ms", allowed_skew="10s")
user_clicks = FeatureView(
    name="user_clicks", source=clicks, owner="o", description="d", domain="web",
    features=[
        distinct_of("mail", over="5m", name="mails"),
        last_of("mail", over="5m", name="mail"),
        count_events(over="5m", where="mail != ''", name="known"),
        last_of("address.city", over="5m", name="city"),
    ],
)
"""


def plan_of(*features: Any, **source: Any) -> Plan:
    clicks = EventSource(topic="clicks", key="user", event_time="clicked_at", event_time_unit="ms", **source)
    view = FeatureView(name="v", source=clicks, owner="web@shop.example", description="d", features=list(features))
    return compile_view(view, EVENT)


def origins(plan: Plan) -> dict[str, set[tuple[str, str]]]:
    found = lineage_of(plan)
    return {
        feature.name: {(origin.field.name, origin.aggregate) for origin in found.origins_of(feature.name)}
        for feature in plan.features
    }


def test_every_way_into_a_feature_is_told() -> None:
    plan = plan_of(
        sum_of("earned", over="1h", where="address.city == 'Bonn'", name="earned"),
        top_k_of("mail", k=3, weight="weight", over="1h", name="top"),
        count_events(over="1h", name="n"),
        ratio_of("earned_1h", "n_1h", name="each"),
        columns={"earned": "spent * double(weight)"},
    )
    assert origins(plan) == {
        "earned_1h": {("spent", "sum"), ("weight", "sum"), ("address.city", "filter")},
        "top_1h": {("mail", "top_k"), ("weight", "top_k")},
        "n_1h": set(),
        "each": {("spent", "sum"), ("weight", "sum"), ("address.city", "filter")},
    }


def test_what_decides_which_events_count_is_told_of_the_view() -> None:
    plan = plan_of(count_events(over="1h"), where="spent > 1.0", event_id="mail")
    assert [(each.name, use) for each, use in lineage_of(plan).view] == [
        ("user", "key"),
        ("clicked_at", "event time"),
        ("mail", "event id"),
        ("spent", "filter"),
    ]


def governed(tmp_path: Path, policy: str = "") -> list[str]:
    subjects = write_subject(tmp_path / "subjects", [EVENT])
    if policy:
        (subjects / "policy.toml").write_text(policy)
    directory = load_subjects(subjects)
    _, found = check_views(directory, write_views(tmp_path / "views", VIEW))
    return [f"{each.where}: {each.what}" for each in (*check_directory(directory), *found)]


def test_personal_data_reach_no_feature_that_the_policy_does_not_allow(tmp_path: Path) -> None:
    where, what = "views.py view user_clicks features", "mail of clicks is personal, and reaches it as"
    assert governed(tmp_path) == [
        f"{where}.mails_5m: {what} distinct",
        f"{where}.mail_5m: {what} last",
        f"{where}.known_5m: {what} filter",
    ]


def test_what_the_policy_allows_is_no_finding(tmp_path: Path) -> None:
    policy = '["personal-data"]\npersonal = ["distinct", "filter"]\nsensitive = []'
    assert governed(tmp_path, policy) == [
        "views.py view user_clicks features.mail_5m: mail of clicks is personal, and reaches it as last"
    ]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('["personal-data"]\nprivate = ["any"]', "'private' is no class of personal data"),
        ('["personal-data"]\npersonal = ["any", "mode"]', "'mode' is no aggregate"),
        ('[personal]\nx = ["any"]', "Extra inputs are not permitted"),
        ("[", "cannot be read as TOML"),
    ],
)
def test_a_policy_that_is_wrong_says_where(tmp_path: Path, policy: str, said: str) -> None:
    assert any(found.startswith("policy.toml: ") and said in found for found in governed(tmp_path, policy))


def test_a_view_or_a_subject_without_a_domain_is_found(tmp_path: Path) -> None:
    subjects = write_subject(tmp_path / "subjects", [EVENT])
    terms = subjects / "subjects.toml"
    terms.write_text(terms.read_text().replace('domain = "web"\n', ""))
    directory = load_subjects(subjects)
    _, found = check_views(directory, write_views(tmp_path / "views", VIEW.replace(' domain="web",', "")))
    domains = [each for each in (*check_directory(directory), *found) if each.rule == "domain"]
    assert [each.where for each in domains] == ["clicks-value", "views.py view user_clicks"]


def test_the_command_tells_what_a_field_reaches(tmp_path: Path) -> None:
    write_subject(tmp_path / "subjects", [EVENT])
    views = write_views(tmp_path, VIEW)
    told = CliRunner().invoke(app, ["lineage", str(views), "--field", "mail", "--json"])
    rows = json.loads(told.stdout)
    assert [(row["feature"], row["as"], row["personal_data"]) for row in rows] == [
        ("mails_5m", "distinct", "personal"),
        ("mail_5m", "last", "personal"),
        ("known_5m", "filter", "personal"),
    ]
    assert [store.rpartition("/")[2] for store in rows[0]["stores"]] == ["user_clicks_features_g1", "user_clicks", "g1"]


def test_stores_are_named_without_credentials() -> None:
    settings = load_settings(redis_url="redis://reader:secret@store:6380/2", offline_root="s3://lake/features")
    log, online, offline = stores_of(settings, plan_of(count_events(over="1h")))
    assert (online.namespace, online.name) == ("redis://store:6380", "2/v")
    assert (offline.namespace, offline.name) == ("s3://lake", "features/v/g1")
    assert "secret" not in f"{log}{online}{offline}"


def test_an_event_has_each_column_with_what_it_comes_from() -> None:
    from openlineage.client.serde import Serde

    plan = plan_of(sum_of("spent", over="1h"), distinct_of("mail", over="1h"), last_of("address.city", over="1h"))
    event = json.loads(Serde.to_json(job_event(load_settings(), plan)))
    assert (event["job"]["name"], event["inputs"][0]["name"]) == ("headwater-v-g1", "clicks")
    assert len(event["outputs"]) == 3
    for output in event["outputs"]:
        columns = output["facets"]["columnLineage"]
        (origin,) = columns["fields"]["spent_sum_1h"]["inputFields"]
        assert (origin["field"], origin["transformations"][0]["description"]) == ("spent", "sum")
        assert {each["field"] for each in columns["dataset"]} == {"user", "clicked_at"}


@pytest.fixture
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def test_events_are_sent_where_the_client_is_told_to(
    tmp_path: Path, collector: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, got = collector
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    write_subject(tmp_path / "subjects", [EVENT])
    sent = CliRunner().invoke(app, ["lineage", str(write_views(tmp_path, VIEW)), "--send"])
    assert (sent.exit_code, sent.stdout.strip()) == (0, "sent 1 events")
    assert [event["job"]["namespace"] for event in got] == ["web"]
    assert got[0]["eventTime"]
    assert "run" not in got[0]
