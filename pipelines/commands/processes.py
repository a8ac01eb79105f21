"""`headwater compute`, `materialize` and `archive`: the long-running processes, one of each for a view."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.schemas.errors import HeadwaterError, PrerequisiteError, SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.settings import Settings
    from headwater.schemas.plan import Plan

PlanFile = Annotated[
    Path | None, typer.Option("--plan", help="A compiled plan, as `headwater compile` writes it.", show_default=False)
]
ViewsPath = Annotated[
    Path | None, typer.Option("--views", help="Declarations to take the view from instead.", show_default=False)
]
ViewName = Annotated[str | None, typer.Option("--view", help="Which view of --views.", show_default=False)]
SchemasPath = Annotated[
    Path | None, typer.Option("--schemas", help="Avro files, if not beside --views.", show_default=False)
]


def compute(plan: PlanFile = None, views: ViewsPath = None, view: ViewName = None, schemas: SchemasPath = None) -> None:
    """Run a view's Flink job: submit it, resume it from its newest checkpoint, watch it.

    Example:  `HEADWATER_FLINK_REST_URL=http://flink:8081 headwater compute --plan purchases.plan.json`

    On SIGTERM the job is stopped with a savepoint, from which the next one goes on. Settings are environment
    variables, `HEADWATER_KAFKA_BOOTSTRAP_SERVERS` and so on.
    """
    require("pyflink", "compute")
    settings, chosen = _prepare(plan, views, view, schemas)
    from headwater.pipelines import compute as process

    process.run(settings, chosen)


def materialize(
    plan: PlanFile = None, views: ViewsPath = None, view: ViewName = None, schemas: SchemasPath = None
) -> None:
    """Keep a view's rows in Redis: follow its feature log, from the offset that Redis itself has.

    Example:  `HEADWATER_REDIS_URL=redis://redis:6379/0 headwater materialize --plan purchases.plan.json`
    """
    settings, chosen = _prepare(plan, views, view, schemas)
    from headwater.pipelines import materialize as process

    process.run(settings, chosen)


def archive(plan: PlanFile = None, views: ViewsPath = None, view: ViewName = None, schemas: SchemasPath = None) -> None:
    """Keep a view's rows as Parquet: append its committed feature log to a Delta table, each row once.

    Example:  `HEADWATER_OFFLINE_ROOT=/data/offline headwater archive --plan purchases.plan.json`
    """
    require("deltalake", "archive")
    settings, chosen = _prepare(plan, views, view, schemas)
    from headwater.pipelines import archive as process

    process.run(settings, chosen)


def require(package: str, extra: str) -> None:
    """Returns if the package is installed, which the extra brings.

    Raises:
        PrerequisiteError: it is not.
    """
    if find_spec(package) is None:
        raise PrerequisiteError(f"{package} is not installed: run `pip install 'headwater[{extra}]'`")


def _prepare(plan: Path | None, views: Path | None, view: str | None, schemas: Path | None) -> tuple[Settings, Plan]:
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    settings = load_settings()
    configure_logging(settings)
    return settings, chosen_plan(plan, views, view, schemas)


def chosen_plan(plan: Path | None, views: Path | None, view: str | None, schemas: Path | None) -> Plan:
    """The plan that a command's options name.

    Raises:
        SettingsError: they name none, or more than one.
        DeclarationError: the declarations are wrong.
    """
    from headwater.schemas.plan import Plan

    if (plan is None) == (views is None):
        raise SettingsError("give either --plan FILE, or --views PATH with --view NAME")
    if plan is not None:
        try:
            return Plan.from_json(plan.read_bytes())
        except OSError as error:
            raise SettingsError(f"{plan}: {error.strerror}; `headwater compile` writes plans") from error
        except HeadwaterError as error:
            raise SettingsError(f"{plan}: {error}") from error
    return _declared_plan(views or Path(), view, schemas)


def _declared_plan(views: Path, view: str | None, schemas: Path | None) -> Plan:
    from headwater.pipelines.declarations import load_plans

    compiled = {each.plan.view: each.plan for each in load_plans(views, schemas)}
    if view is None and len(compiled) == 1:
        return next(iter(compiled.values()))
    if view not in compiled:
        raise SettingsError(f"--view {view or '(missing)'}: {views} declares {', '.join(compiled)}")
    return compiled[view]
