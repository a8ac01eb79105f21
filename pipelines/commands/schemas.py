"""`headwater schemas check`, `register` and `diff`: data contracts in git, and what a registry has of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import AsJson, err, new_table, out
from headwater.schemas.errors import ContractError, DeclarationError

if TYPE_CHECKING:
    from headwater.pipelines.declarations import CompiledView
    from headwater.pipelines.registry import Registry
    from headwater.pipelines.subject_files import SubjectDirectory
    from headwater.schemas.contracts.findings import Finding
    from headwater.schemas.contracts.reconcile import Step

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

RETRIES = 4
"""How often a call to a registry in trouble is made again before a command gives up."""

Subjects = Annotated[Path, typer.Option("--subjects", help="Directory of subjects, or one above it.")]
Views = Annotated[
    Path | None,
    typer.Option("--views", help="A file of feature views, or a directory of such files.", show_default=False),
]


@app.callback()
def _schemas() -> None:
    """Data contracts: Avro files in git, checked, compared and registered from there.

    A directory of subjects has `<subject>/v1.avsc`, `v2.avsc` and so on, and a reviewed file `subjects.toml`
    with the owner and the compatibility level of each subject, and the digest of each published version.
    """


@app.command()
def check(
    subjects: Subjects = Path(),
    views: Views = None,
    registry: Annotated[
        bool, typer.Option("--registry", help="Also compare with the registry at HEADWATER_REGISTRY_URL.")
    ] = False,
    seal: Annotated[
        bool, typer.Option("--seal", help="Publish: add the digests of new versions to subjects.toml, if all is well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find everything that is wrong with the schemas, and what it would break. Exit code 1 if there is anything.

    Avro itself, names, docs, personal-data tags, compatibility at the declared levels, edits of published versions;
    with `--views` the views that break; with `--registry` where the registry differs from git.

    Example:  `headwater schemas check --views my_views/`
    """
    from headwater.pipelines import schema_checks
    from headwater.pipelines.subject_files import load_subjects

    directory = load_subjects(subjects)
    sealed: dict[str, dict[str, str]] = {}
    if seal:
        directory, sealed = schema_checks.seal_directory(directory)
    findings = schema_checks.check_directory(directory)
    compiled: list[CompiledView] = []
    if views is not None:
        compiled, found = schema_checks.check_views(directory, views)
        findings += found
    if registry:
        with _registry() as open_registry:
            findings += schema_checks.check_registry(open_registry, directory, compiled)
    if as_json:
        out.print_json(data=_check_as_json(directory, findings, sealed, [view.plan.view for view in compiled]))
    else:
        _print_check(directory, findings, sealed)
    if findings:
        raise typer.Exit(1)


@app.command()
def register(
    subjects: Subjects = Path(),
    views: Annotated[
        Path | None,
        typer.Option("--views", help="Also register what the jobs of these views write.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Register every version of every subject in the registry at HEADWATER_REGISTRY_URL, and print their ids.

    Nothing is done if a check fails or the registry has anything that git has not. A subject's level is set before
    its first version. What is done already is not done again: after an interruption, run it once more.

    Example:  `HEADWATER_REGISTRY_URL=https://registry.example headwater schemas register --dry-run`
    """
    from headwater.pipelines import schema_checks, subject_registration
    from headwater.pipelines.subject_files import load_subjects

    directory = load_subjects(subjects)
    findings = schema_checks.check_directory(directory)
    compiled: list[CompiledView] = []
    if views is not None:
        compiled, found = schema_checks.check_views(directory, views)
        findings += found
    if findings:
        raise DeclarationError([finding.as_mistake() for finding in findings])
    outputs = schema_checks.outputs(compiled)
    with _registry() as registry:
        todo = subject_registration.steps_to_register(registry, directory.subjects, outputs)
        if not dry_run:
            subject_registration.carry_out(registry, todo, _say_done)
            ids = subject_registration.registered_ids(registry, directory.subjects, outputs)
    steps = [{"subject": step.subject, "step": str(step)} for step in todo]
    if dry_run:
        _print_rows(f"to be done in {registry.url}" if steps else "nothing to be done", steps, as_json)
        return
    _print_rows(f"registered in {registry.url}", [asdict(each) for each in ids], as_json)


@app.command()
def diff(
    subject: Annotated[str, typer.Argument(help="The subject, such as shop.purchases-value.")],
    old: Annotated[
        str | None,
        typer.Argument(help="v1, registry, registry:1 or an Avro file; else the version before.", show_default=False),
    ] = None,
    new: Annotated[
        str | None, typer.Argument(help="The same; else the newest version in git.", show_default=False)
    ] = None,
    subjects: Subjects = Path(),
    views: Views = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two schemas, and what that means for readers, writers and each view.

    Example:  `headwater schemas diff shop.purchases-value v1 v2 --views my_views/`
    """
    from headwater.pipelines.commands.schema_tables import diff_as_json, print_diff
    from headwater.pipelines.schema_diff import schema_of, view_consequences
    from headwater.pipelines.subject_files import load_subjects
    from headwater.schemas.contracts.consequences import Side, compare

    directory = load_subjects(subjects)
    found = directory.subject(subject)
    if old is None and len(found.versions) == 1:
        raise ContractError(f"{subject} has only {found.newest.file}; compare it with `registry` or a file")
    before = schema_of(found, old or f"v{found.versions[-2].number}", _registry)
    after = schema_of(found, new or f"v{found.newest.number}", _registry)
    comparison = compare(Side.of(before.name, before.schema), Side.of(after.name, after.schema))
    consequences = [] if views is None else view_consequences(directory, views, subject, before, after)
    level = found.terms.compatibility if found.terms else None
    if as_json:
        out.print_json(data=diff_as_json(subject, level, comparison, consequences))
    else:
        print_diff(out, subject, level, comparison, consequences)


def _registry() -> Registry:
    from headwater.pipelines.registry import Registry
    from headwater.pipelines.settings import load_settings

    return Registry(load_settings(), retries=RETRIES)


def _say_done(step: Step, schema_id: int | None) -> None:
    told = f"{step.subject}: {step}" + ("" if schema_id is None else f", id {schema_id}")
    err.print(told, highlight=False, soft_wrap=True, markup=False)


def _print_rows(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        out.print_json(data=rows)
        return
    table = new_table(title, *(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    out.print(table if rows else title, highlight=False)


def _check_as_json(
    directory: SubjectDirectory, findings: list[Finding], sealed: dict[str, dict[str, str]], views: list[str]
) -> dict[str, Any]:
    return {
        "subjects": {subject.name: len(subject.versions) for subject in directory.subjects},
        "views": views,
        "sealed": sealed,
        "findings": [asdict(finding) for finding in findings],
    }


def _print_check(directory: SubjectDirectory, findings: list[Finding], sealed: dict[str, dict[str, str]]) -> None:
    for subject, versions in sealed.items():
        err.print(f"sealed {', '.join(versions)} of {subject}", highlight=False, markup=False)
    if findings:
        count = len(findings)
        table = new_table(
            f"{count} finding{'s' if count > 1 else ''} in {directory.root}", "rule", "where", "what", "remedy"
        )
        for finding in findings:
            where = f"{finding.where} {finding.path}".strip()
            table.add_row(*map(escape, (finding.rule, where, finding.what, finding.remedy)))
        err.print(table)
        return
    table = new_table(f"{directory.root}: all is well", "subject", "versions", "level", "owner")
    for each in directory.subjects:
        if each.terms is not None:
            table.add_row(
                *map(escape, (each.name, str(len(each.versions)), each.terms.compatibility, each.terms.owner))
            )
    out.print(table)
