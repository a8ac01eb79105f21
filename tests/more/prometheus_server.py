"""A real Prometheus for a local stack: it scrapes as the one of compose does, with a view's rules in a hurry.

A page takes minutes and an error budget a month, so every span of time in the rules is divided by one number: how long
an alert waits (`for`), how often rules are evaluated, and every range that an expression looks back on. Nothing else is
changed: thresholds, burn rates, labels, and the names of recorded series, `error_ratio:1h` among them, are as shipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.schemas.durations import duration_text, parse_duration
from tests.dockerfile import ROOT

PROMETHEUS = os.environ.get("HEADWATER_PROMETHEUS", "prometheus")
SCRAPE_INTERVAL = "2s"
HURRY = 20
COMPOSE = ROOT / "pipelines/deploy/compose/prometheus.yaml"

Labels = dict[str, str]

_client = httpx.Client(timeout=20)


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A server that keeps everything in `directory`.

    Attributes:
        targets: host and port of each process, by the job of compose's configuration that scrapes it.
        rules: files of rules, as Headwater generates them.
    """

    directory: Path
    port: int
    targets: Mapping[str, Sequence[str]]
    rules: Sequence[Path]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Writes its configuration, and the rules in a hurry beside it."""
        configuration = yaml.safe_load(COMPOSE.read_text())
        configuration["global"]["scrape_interval"] = SCRAPE_INTERVAL
        configuration["rule_files"] = [file.name for file in self.rules]
        for job in configuration["scrape_configs"]:
            job["static_configs"] = [{"targets": list(self.targets[job["job_name"]])}]
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
        for file in self.rules:
            (self.directory / file.name).write_text(yaml.safe_dump(hurried(yaml.safe_load(file.read_text()))))

    def spec(self) -> ProcessSpec:
        """How it is run; it is ready when it answers queries."""
        return ProcessSpec(
            name="prometheus",
            command=(
                PROMETHEUS,
                f"--config.file={self.directory / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self.directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self.port}",
            ),
            log=self.directory / "prometheus.log",
            ready=lambda: accepts(self.port) and httpx.get(f"{self.url}/-/ready").is_success,
        )

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """The series that the expression has now, and the value of each."""
        found = self._ask("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def label_values(self, label: str, series: str) -> list[str]:
        """What Grafana's `label_values(series, label)` offers, in its order."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": series})
        return found

    def alerts(self, name: str, **labels: str) -> list[dict[str, Any]]:
        """The alerts of this name and with these labels that are pending or firing."""
        return [
            alert
            for alert in self._ask("alerts")["alerts"]
            if {"alertname": name, **labels}.items() <= alert["labels"].items()
        ]

    def _ask(self, path: str, **parameters: str) -> Any:
        answer = _client.get(f"{self.url}/api/v1/{path}", params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]


def hurried(rules: dict[str, Any]) -> dict[str, Any]:
    """The same rules, every span of time divided by HURRY."""
    return {
        "groups": [
            group
            | {"interval": _divided(group["interval"])}
            | {"rules": [_hurried_rule(rule) for rule in group["rules"]]}
            for group in rules["groups"]
        ]
    }


def _hurried_rule(rule: dict[str, Any]) -> dict[str, Any]:
    waits = {"for": _divided(rule["for"])} if "for" in rule else {}
    return rule | waits | {"expr": re.sub(r"\[(\w+)\]", lambda span: f"[{_divided(span[1])}]", rule["expr"])}


def _divided(span: str) -> str:
    return duration_text(parse_duration(span) / HURRY)
