"""Files of rules, one for each view: the same bytes for the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from headwater.pipelines.declarations import CompiledView
from headwater.pipelines.slo.rules import RUNBOOKS, rules_of
from headwater.schemas.plan import Plan

_HEAD = "# Written by `headwater slo generate`: change the view, and write it anew.\n"


def rules_text(plan: Plan, runbooks: str = RUNBOOKS) -> str:
    """The view's rules as YAML, as Prometheus loads them and a PrometheusRule holds them."""
    text: str = yaml.dump(rules_of(plan, runbooks), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return _HEAD + text


def rules_file(view: CompiledView, directory: Path | None = None) -> Path:
    """Where the view's rules stand: `<view>.rules.yaml`, by default beside the view."""
    return (directory or view.file.parent) / f"{view.plan.view}.rules.yaml"


def write_rules(views: Sequence[CompiledView], directory: Path | None, runbooks: str) -> list[Path]:
    """Writes the rules of each view, and returns the files in the order of the views."""
    files = [rules_file(view, directory) for view in views]
    for view, file in zip(views, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rules_text(view.plan, runbooks), encoding="utf-8")
    return files


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
