"""Every error that Headwater raises on purpose, in one tree.

::

    HeadwaterError
    ├── DeclarationError            a feature view, source or path of them is wrong; carries every mistake
    ├── ExpressionError             a row expression is not CEL, or is wrong; carries every problem
    ├── EvaluationError             a row expression fails on the values of an event
    ├── ContractError               an Avro file is missing, unreadable or not what a view needs
    ├── EventTableError             a test's table of events, or a time in it, does not fit the view
    ├── UnknownFeatureError         a feature that a view does not have is asked for; a KeyError too
    ├── FormatError                 bytes that should be ours cannot be read (key, header, row)
    ├── SettingsError               a setting is missing or contradicts another
    ├── PrerequisiteError           the machine lacks something (JDK, disk, memory, a free port)
    ├── DependencyError             a service that this process needs
    │   ├── BrokerError             Kafka cannot be reached or refused
    │   ├── TopicError              a topic is missing or is set up wrongly
    │   ├── RegistryError           the schema registry cannot be reached or refused
    │   ├── OnlineStoreError        Redis cannot be reached, or its settings are unsafe
    │   ├── OfflineStoreError       the offline log cannot be read or written
    │   └── ClusterError            Flink cannot be reached, or refused the job
    ├── FencedError                 another writer owns what this one was about to write
    ├── StackError                  the local stack cannot be started, found or stopped
    └── VerificationError           there was nothing to compare, or what is stored differs from the reference
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a declaration.

    Attributes:
        where: file and line.
        what: what is wrong.
        remedy: how to mend it.
        view: the name of the view, if it is known.
        place: where in the view, such as `features.amount_sum` or `source.key`; or the declaration and its argument.
    """

    where: str
    what: str
    remedy: str = ""
    view: str = ""
    place: str = ""

    def __str__(self) -> str:
        place = " ".join(part for part in (self.where, self.view and f"view {self.view}", self.place) if part)
        line = f"{place}: {self.what}"
        return f"{line} ({self.remedy})" if self.remedy else line


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an expression: what, in which line and column (from 1), that line, and a remedy."""

    what: str
    line: int
    column: int
    excerpt: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}, at {self.line}:{self.column}\n    {self.excerpt}\n    {' ' * (self.column - 1)}^"


class HeadwaterError(Exception):
    """The root of the tree: catch it to catch all that Headwater raises on purpose."""


class DeclarationError(HeadwaterError):
    """A declaration is wrong.

    Attributes:
        mistakes: every mistake that was found, not only the first.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class ExpressionError(HeadwaterError):
    """A row expression is not CEL, or does not fit the fields that it reads.

    Attributes:
        problems: every problem that was found, each with its line and column.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class EvaluationError(HeadwaterError):
    """A row expression fails on the values of an event, by an overflow or the like."""


class ExpectationError(HeadwaterError):
    """An event does not meet an expectation whose action is to stop: the job would not pass it."""


class ContractError(HeadwaterError):
    """An Avro schema file is missing, unreadable, or not what a feature view needs."""


class EventTableError(HeadwaterError):
    """A table of events in a test, or a time in it, does not fit the feature view; the message names row and field."""


class UnknownFeatureError(HeadwaterError, KeyError):
    """A feature that a view does not have is asked for; the message names those that are like it."""

    __str__ = Exception.__str__


class FormatError(HeadwaterError):
    """Bytes that should be in one of Headwater's own formats cannot be read."""


class SettingsError(HeadwaterError):
    """A setting is missing, malformed, or contradicts another."""


class PrerequisiteError(HeadwaterError):
    """The machine lacks something that must be there first; the message says how to get it."""


class DependencyError(HeadwaterError):
    """A service that this process depends on cannot be used."""


class BrokerError(DependencyError):
    """Kafka cannot be reached, or refused the request."""


class TopicError(DependencyError):
    """A topic is missing or is set up in a way that would lose data; the message has the command that mends it."""


class RegistryError(DependencyError):
    """The schema registry cannot be reached, or refused the request."""


class OnlineStoreError(DependencyError):
    """Redis cannot be reached, or its settings could drop values silently."""


StoreFailure = Literal["unavailable", "refused", "full", "conflict"]
"""Why the offline log could not be read or written: no proper answer, no right to it, no space, or others first."""


class OfflineStoreError(DependencyError):
    """The offline log cannot be read or written; `failure` says why."""

    def __init__(self, message: str, failure: StoreFailure = "unavailable") -> None:
        self.failure: StoreFailure = failure
        super().__init__(message)


class ClusterError(DependencyError):
    """Flink cannot be reached, or refused or lost the job."""


class FencedError(HeadwaterError):
    """Another writer has moved on past this one: what was about to be written is stale."""


class StackError(HeadwaterError):
    """The local stack cannot be started, found or stopped."""


class VerificationError(HeadwaterError):
    """There was nothing to compare, or what is stored differs from the reference."""
