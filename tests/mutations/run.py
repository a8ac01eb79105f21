"""Builds the kernel with one mistake at a time, and tells after how many streams the comparison notices.

    python -m tests.mutations.run [--streams N] [part of a name ...]

Each mutant is compiled into a folder of its own, which stands before the kernel's classes on the class path, so that
nothing that others use is touched. The exit status is 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutations.table import MUTATIONS, Mutation
from tests.properties.cases import Case, case_of
from tests.properties.harness import KERNEL
from tests.properties.workers import Report, Workers

SOURCES = KERNEL / "src" / "main" / "java" / "dev" / "headwater" / "kernel"
STREAMS = 2000
BATCH = 10


@dataclass(frozen=True)
class Verdict:
    """After how many streams the mutant was caught, if it was; and how long it took."""

    mutation: Mutation
    caught_by: str | None
    streams: int
    seconds: float


def main() -> int:
    """Prints a table of all mutants; the number of survivors decides the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=STREAMS, help="how many streams a mutant must survive")
    parser.add_argument("names", nargs="*", help="only mutations whose names contain one of these")
    arguments = parser.parse_args()
    chosen = [m for m in MUTATIONS if not arguments.names or any(name in m.name for name in arguments.names)]
    console = Console(width=None if sys.stdout.isatty() else 140)
    cases = [case_of(number) for number in range(arguments.streams)]
    verdicts = []
    for mutation in chosen:
        verdict = judged(mutation, cases)
        verdicts.append(verdict)
        seen = "SURVIVED" if verdict.caught_by is None else f"caught after {verdict.streams}"
        console.print(f"{seen:>20}  {mutation.name}  ({verdict.seconds:.0f} s)")
    console.print(_table(verdicts))
    survivors = [verdict for verdict in verdicts if verdict.caught_by is None]
    console.print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} mutants caught")
    return 1 if survivors else 0


def judged(mutation: Mutation, cases: Sequence[Case]) -> Verdict:
    """What the comparison says of the kernel with this mistake."""
    began = time.monotonic()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        build(mutation, Path(folder))
        with Workers(Path(folder)) as workers:
            for start in range(0, len(cases), BATCH):
                report.add(workers.run(cases[start : start + BATCH], shrink=False))
                if report.failure is not None:
                    break
    return Verdict(mutation, report.failure, report.streams, time.monotonic() - began)


def build(mutation: Mutation, into: Path) -> None:
    """Compiles the mutated file into a folder.

    Raises:
        ValueError: the text does not stand in the file exactly once.
        subprocess.CalledProcessError: the mutant does not compile.
    """
    source = (SOURCES / mutation.file).read_text(encoding="utf-8")
    if source.count(mutation.text) != 1:
        raise ValueError(f"{mutation.name}: {mutation.file} has {mutation.text!r} {source.count(mutation.text)} times")
    file = into / Path(mutation.file).name
    file.write_text(source.replace(mutation.text, mutation.replacement), encoding="utf-8")
    libraries = (KERNEL / "target" / "test-classpath.txt").read_text(encoding="utf-8").strip()
    subprocess.run(
        ["javac", "--release", "17", "-nowarn", "-proc:none", "-cp", f"{KERNEL / 'target' / 'classes'}:{libraries}",
         "-d", str(into), str(file)],
        check=True,
    )  # fmt: skip


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Mutants of the kernel")
    table.add_column("mistake", no_wrap=True)
    table.add_column("caught after", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("by", overflow="ellipsis", no_wrap=True)
    for verdict in verdicts:
        after = "SURVIVED" if verdict.caught_by is None else f"{verdict.streams} streams"
        table.add_row(verdict.mutation.name, after, f"{verdict.seconds:.0f}", verdict.caught_by or "")
    return table


if __name__ == "__main__":
    sys.exit(main())
