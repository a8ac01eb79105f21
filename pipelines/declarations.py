"""Feature views found by path, compiled against the Avro files that lie with them."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.pipelines.contracts import Contract, find_contract
from headwater.schemas.compile import compile_view
from headwater.schemas.declaration import collecting_mistakes
from headwater.schemas.errors import ContractError, DeclarationError, Mistake
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Plan
from headwater.schemas.view import FeatureView, parts_of

_SKIPPED = ("test_", "_", ".", "conftest")


@dataclass(frozen=True, slots=True)
class CompiledView:
    """A view's plan, the contracts of its sources in their order, and the file that declares it."""

    plan: Plan
    contracts: tuple[Contract, ...]
    file: Path


def load_plans(path: Path, schemas: Path | None = None) -> list[CompiledView]:
    """All feature views that the Python file, or the Python files below the directory, declare; by name.

    Args:
        path: a file or directory of declarations.
        schemas: where the Avro files are; by default beside the declarations or in the directory above.

    Raises:
        DeclarationError: with every mistake of every view.
    """
    compiled, mistakes = survey_plans(path, schemas)
    if mistakes:
        raise DeclarationError(mistakes)
    return compiled


def survey_plans(
    path: Path, schemas: Path | None = None, instead: Mapping[str, dict[str, Any]] | None = None
) -> tuple[list[CompiledView], list[Mistake]]:
    """The views that can be compiled, as `load_plans` finds them, and the mistakes in the others.

    Args:
        path, schemas: as for `load_plans`.
        instead: for subjects, the schema that is taken in place of the newest.
    """
    if not path.exists():
        return [], [Mistake(str(path), "there is no such file or directory", "give the path of your views")]
    base = path if path.is_dir() else path.parent
    roots = [schemas] if schemas else [base, base.resolve().parent]
    compiled: list[CompiledView] = []
    mistakes: list[Mistake] = []
    with collecting_mistakes() as broken:
        found = [(file, view) for file in _files(path) for view in _views(file, base, mistakes)]
    for file, view in found:
        _compile(file, view, roots, instead or {}, compiled, mistakes)
    _check_unique([view for _, view in found], mistakes)
    parts = {id(part) for _, view in found for _, part in parts_of(view)}
    mistakes += [mistake for each in broken if id(each) not in parts for mistake in each.mistakes()]
    if not found and not mistakes:
        mistakes.append(Mistake(str(path), "declares no FeatureView", "assign one to a module-level name"))
    return sorted(compiled, key=lambda view: view.plan.view), _each_once(mistakes)


def _compile(
    file: Path,
    view: FeatureView,
    roots: Sequence[Path],
    instead: Mapping[str, dict[str, Any]],
    compiled: list[CompiledView],
    mistakes: list[Mistake],
) -> None:
    try:
        contracts = tuple(
            contract.with_newest(instead[contract.subject]) if contract.subject in instead else contract
            for contract in _contracts(view, roots)
        )
        plan = compile_view(view, [contract.newest for contract in contracts])
        compiled.append(CompiledView(plan, contracts, file))
    except DeclarationError as error:
        mistakes.extend(error.mistakes)


def _contracts(view: FeatureView, roots: Sequence[Path]) -> tuple[Contract, ...]:
    """The contracts of the view's sources.

    Raises:
        DeclarationError: one is missing, or the view does not say of what; with every mistake that can be told without.
    """
    mistakes, contracts = Mistakes(view), list[Contract]()
    for place, source in view.placed_sources():
        if source.subject or "topic" not in source.wrong_arguments:
            try:
                contracts.append(find_contract(source.subject_name, roots))
            except ContractError as error:
                mistakes.add(f"{place}.subject", str(error))
    if not contracts or len(contracts) < len(view.event_sources):
        raise mistakes.error()
    return tuple(contracts)


def _check_unique(views: Sequence[FeatureView], mistakes: list[Mistake]) -> None:
    first: dict[str, FeatureView] = {}
    for view in views:
        other = first.setdefault(view.name, view)
        if other is not view and "name" not in view.wrong_arguments:
            what = f"the name is taken by {other.declared_at}"
            mistakes.append(Mistake(view.declared_at, what, "rename one", view=view.name, place="name"))


def _each_once(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Without those of a declaration that several views share: the first view's are told."""
    first: dict[tuple[str, str, str], Mistake] = {}
    for each in mistakes:
        first.setdefault((each.where, each.what, each.remedy), each)
    return list(first.values())


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(
        file
        for file in path.rglob("*.py")
        if not any(part.startswith(_SKIPPED) for part in file.relative_to(path).parts)
    )


def _views(file: Path, base: Path, mistakes: list[Mistake]) -> list[FeatureView]:
    """The views among the file's module-level values. Whatever the file raises is a mistake of its author's."""
    spec = importlib.util.spec_from_file_location(f"headwater_views_{file.stem}", file)
    if spec is None or spec.loader is None:
        mistakes.append(Mistake(str(file), "is not a Python file", "name it .py"))
        return []
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up the names of their annotations
    try:
        with _importable(base):
            spec.loader.exec_module(module)
    except Exception as error:
        line = next(
            (
                frame.lineno
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if Path(frame.filename).resolve() == file.resolve()
            ),
            None,
        )
        where = f"{file}:{error.lineno if isinstance(error, SyntaxError) else line or 1}"
        mistakes.append(Mistake(where, f"{type(error).__name__}: {error}", "the file could not be run"))
        return []
    unique = {id(value): value for value in vars(module).values() if isinstance(value, FeatureView)}
    return [view for view in unique.values() if view.file.resolve() == file.resolve()]


@contextmanager
def _importable(base: Path) -> Iterator[None]:
    """Lets declarations import modules that lie beside them."""
    sys.path.insert(0, str(base.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(base.resolve()))
