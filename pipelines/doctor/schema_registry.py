"""The schema registry: reached, and no contradiction to what the plans read and write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

import httpx
from pydantic import SecretStr

from headwater.pipelines.doctor.finding import Finding, clock, fault, ok, warning
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.schemas.contracts.output import output_contradictions, output_steps, outputs_of
from headwater.schemas.plan import Plan

TIMEOUT_SECONDS = 10.0
DATE_STEP_SECONDS = 1.0
"""HTTP tells whole seconds."""

UNUSED_SUBJECT = "headwater-doctor"


def registry_findings(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    """What the registry is like.

    Raises:
        RegistryError, SettingsError: it cannot be reached, or refuses; its properties are wrong.
    """
    with Registry(settings, timeout_seconds=TIMEOUT_SECONDS) as registry:
        default = registry.level(UNUSED_SUBJECT)
        yield ok("reached", f"{registry.url}" + (f", whose default level is {default}" if default else ""))
        for plan in plans:
            yield from _source_findings(registry, plan)
            yield from _output_findings(registry, plan)
    yield from _clock_findings(settings)


def _source_findings(registry: Registry, plan: Plan) -> Iterator[Finding]:
    for source in plan.sources:
        check, there = f"subject {source.subject}", registry.subject(source.subject)
        if not there.versions:
            yield warning(
                check,
                f"has no schema: every event of {source.topic} will be a dead letter",
                "headwater schemas register --subjects DIRECTORY",
            )
        elif there.level in (None, "NONE"):
            yield warning(
                check,
                "takes any schema, also one that the view cannot read",
                "declare its level in subjects.toml, and run `headwater schemas register`",
            )
        else:
            yield ok(check, f"{len(there.versions)} versions, {there.level}")


def _output_findings(registry: Registry, plan: Plan) -> Iterator[Finding]:
    for output in outputs_of(plan):
        check, there = f"subject {output.subject}", registry.subject(output.subject)
        contradictions = output_contradictions(output, there)
        for each in contradictions:
            yield fault(check, each.what, each.remedy)
        if not contradictions:
            todo = output_steps(output, there)
            yield ok(check, "is to be registered by `headwater apply` or the compute job" if todo else "is registered")


def _clock_findings(settings: Settings) -> Iterator[Finding]:
    """By the date of an answer, whatever it is; nothing where there is none, as behind some proxies."""
    authority = settings.registry_ca_file or settings.registry_properties.get("ssl.ca.location")
    verify: str | bool = True
    if authority is not None:
        verify = authority.get_secret_value() if isinstance(authority, SecretStr) else str(authority)
    before = time.time()
    try:
        answer = httpx.get(f"{settings.registry_url.rstrip('/')}/subjects", timeout=TIMEOUT_SECONDS, verify=verify)
        date = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, OSError, KeyError, ValueError):
        return
    after = time.time()
    told = date.timestamp() + DATE_STEP_SECONDS / 2
    yield clock("the registry", told - (before + after) / 2, (DATE_STEP_SECONDS + after - before) / 2)
