"""The whole examination, part by part: what one part cannot tell keeps no other from being looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from headwater.pipelines.doctor.finding import Finding, fault
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import DependencyError, PrerequisiteError, SettingsError
from headwater.schemas.plan import Plan


class Found(NamedTuple):
    """A finding, and the part of the environment that it is about."""

    part: str
    finding: Finding


def _kafka(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.broker import broker_findings

    yield from broker_findings(settings, plans)


def _registry(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.schema_registry import registry_findings

    yield from registry_findings(settings, plans)


def _redis(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.online import online_findings

    yield from online_findings(settings, plans)


def _offline(settings: Settings, _plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.offline import offline_findings

    yield from offline_findings(settings)


def _checkpoints(settings: Settings, _plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.offline import checkpoint_findings

    yield from checkpoint_findings(settings)


def _flink(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.cluster import cluster_findings

    yield from cluster_findings(settings, plans)


def _machine(_settings: Settings, _plans: Sequence[Plan]) -> Iterator[Finding]:
    from headwater.pipelines.doctor.machine import machine_findings

    yield from machine_findings()


PARTS: dict[str, Callable[[Settings, Sequence[Plan]], Iterable[Finding]]] = {
    "kafka": _kafka,
    "registry": _registry,
    "redis": _redis,
    "offline": _offline,
    "checkpoints": _checkpoints,
    "flink": _flink,
    "machine": _machine,
}


def examine(settings: Settings, plans: Sequence[Plan], skip: Collection[str] = ()) -> Iterator[Found]:
    """Every finding, as it is made. A part that cannot be reached is one finding, a fault.

    Raises:
        SettingsError: there is no such part to skip.
    """
    unknown = sorted(set(skip) - PARTS.keys())
    if unknown:
        raise SettingsError(f"--skip {unknown[0]}: there is no such part; there are {', '.join(PARTS)}")
    for part, look in PARTS.items():
        if part in skip:
            continue
        try:
            for finding in look(settings, plans):
                yield Found(part, finding)
        except (DependencyError, SettingsError) as error:
            yield Found(part, fault("reached", str(error), "correct the address and what it takes to get in"))
        except ModuleNotFoundError as error:
            raise PrerequisiteError(
                f"{error.name} is not installed, without which {part} cannot be looked at:"
                f" pip install 'headwater[compute,archive]', or --skip {part}"
            ) from error
