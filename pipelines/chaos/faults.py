"""The table of faults, and which of them a seed draws."""

from __future__ import annotations

import random
from collections.abc import Sequence

from headwater.pipelines.chaos.broker_faults import (
    BrokerAway,
    BrokerAwayLong,
    BrokerFrozen,
    BrokerKilled,
    OpenTransaction,
)
from headwater.pipelines.chaos.clock_faults import ClockAhead, ClockBehind
from headwater.pipelines.chaos.definition_faults import DefinitionChanged, NewGeneration
from headwater.pipelines.chaos.fault import Fault
from headwater.pipelines.chaos.flink_faults import (
    CheckpointFailing,
    JobManagerKilled,
    SecondJob,
    TaskManagerAway,
    TaskManagerKilled,
    Zombie,
)
from headwater.pipelines.chaos.redis_faults import (
    RedisCut,
    RedisEmptied,
    RedisFull,
    RedisKilled,
    RedisLocked,
    RedisReadOnly,
    RedisSlow,
    RedisSpeaksNoTls,
)
from headwater.pipelines.chaos.registry_faults import RegistryAway, RegistryBabbling, RegistryBroken, RegistrySlow
from headwater.pipelines.chaos.savepoint_faults import OldSavepoint, Rescaled
from headwater.pipelines.chaos.store_faults import DiskFull, StoreAway
from headwater.pipelines.chaos.stream_faults import (
    Copies,
    PartitionIdle,
    PartitionsAdded,
    SchemaChanged,
    Shuffled,
    SourceIdle,
)
from headwater.pipelines.chaos.worker_faults import (
    AllTerminated,
    AnyKilled,
    ArchiveKilled,
    MaterializerKilled,
    TwoMaterializers,
)
from headwater.schemas.errors import SettingsError

_ALL: tuple[type[Fault], ...] = (
    AnyKilled,
    TaskManagerKilled,
    TaskManagerAway,
    JobManagerKilled,
    CheckpointFailing,
    Zombie,
    BrokerKilled,
    BrokerAway,
    BrokerAwayLong,
    BrokerFrozen,
    OpenTransaction,
    MaterializerKilled,
    TwoMaterializers,
    RedisKilled,
    RedisCut,
    RedisEmptied,
    RedisFull,
    RedisReadOnly,
    RedisSlow,
    RedisLocked,
    RedisSpeaksNoTls,
    ArchiveKilled,
    DiskFull,
    StoreAway,
    Copies,
    Shuffled,
    RegistryAway,
    RegistrySlow,
    RegistryBroken,
    RegistryBabbling,
    SchemaChanged,
    PartitionsAdded,
    PartitionIdle,
    SourceIdle,
    DefinitionChanged,
    OldSavepoint,
    SecondJob,
    NewGeneration,
    Rescaled,
    ClockAhead,
    ClockBehind,
    AllTerminated,
)

FAULTS: dict[str, type[Fault]] = {fault.name: fault for fault in _ALL}
"""All faults by name, in the order of what they are faults of."""


def schedule(seed: int, *, count: int | None = None, only: Sequence[str] = (), rounds: int = 1) -> list[type[Fault]]:
    """The faults to be caused, one after the other: always the same ones of a seed.

    Args:
        seed: decides which there are, and their order.
        count: how many different ones; all if left out.
        only: the names of those that may be drawn; all if there are none.
        rounds: how often each is caused.

    Raises:
        SettingsError: there is no fault of a name, or there are fewer than `count`.
    """
    if unknown := sorted(set(only) - FAULTS.keys()):
        raise SettingsError(f"there is no fault {', '.join(unknown)}: choose from {', '.join(FAULTS)}")
    names = [name for name in FAULTS if not only or name in only]
    if count is not None and count > len(names):
        raise SettingsError(f"--faults {count}: there are {len(names)} to draw from")
    chance = random.Random(seed)  # noqa: S311 - to be drawn again, no secret
    drawn = chance.sample(names, len(names) if count is None else count)
    return [FAULTS[name] for _ in range(rounds) for name in chance.sample(drawn, len(drawn))]
