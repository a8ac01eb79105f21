"""Faults of the schema registry. The TaskManager is killed as well, so that it has to ask for every schema again."""

from __future__ import annotations

from typing import ClassVar

from headwater.pipelines.chaos.fault import Fault, ProcessAway
from headwater.pipelines.chaos.registry_proxy import Mood

UNAVAILABLE = frozenset({"registry_unavailable"})
ASKED_WITHIN_SECONDS = 60.0


class RegistryAway(ProcessAway):
    name = "registry-away"
    summary = "the registry and the TaskManager are killed; the registry stays away"
    row = 14
    seconds = 10.0
    tells = UNAVAILABLE
    process = "registry"

    def inject(self) -> None:
        super().inject()
        self.lab.kill("taskmanager")


class _RegistryMood(Fault):
    row = 14
    mood: ClassVar[Mood]

    def inject(self) -> None:
        asked = self.lab.registry.asked
        self.lab.registry.mood = self.mood
        self.lab.kill("taskmanager")
        self.lab.wait_until(
            lambda: self.lab.registry.asked > asked, ASKED_WITHIN_SECONDS, "the job to ask the registry for a schema"
        )

    def heal(self) -> None:
        self.lab.registry.mood = "honest"


class RegistrySlow(_RegistryMood):
    name = "registry-slow"
    summary = "the registry takes 3 s for each answer, while the TaskManager is killed"
    mood = "slow"
    seconds = 8.0
    may_tell = UNAVAILABLE


class RegistryBroken(_RegistryMood):
    name = "registry-broken"
    summary = "the registry answers 500 to everything, while the TaskManager is killed"
    mood = "broken"
    seconds = 5.0
    tells = UNAVAILABLE


class RegistryBabbling(_RegistryMood):
    name = "registry-babbling"
    summary = "the registry answers with another site's page, while the TaskManager is killed"
    mood = "babbling"
    seconds = 5.0
    tells = UNAVAILABLE
