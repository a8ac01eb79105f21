"""`headwater demo`, `up`, `status` and `down`: a whole pipeline on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.pipelines.commands.console import DEFAULT_STATE, AsJson, err, out

StatePath = Annotated[Path, typer.Option("--state", help="Directory that holds all of the stack: data, logs, ports.")]


def demo(
    seconds: Annotated[int, typer.Option(min=1, help="How long live purchases are sent.")] = 60,
    rate: Annotated[int, typer.Option(min=1, help="Live purchases per second.")] = 3_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    state: StatePath = Path(".headwater-demo"),
) -> None:
    """A shop: purchases flow in for a minute, features appear, and both stores are checked at the end.

    Starts a stack of its own, with broker, registry, Redis and Flink, and stops it again. Nothing outside the state
    directory is touched.

    Example:  `headwater demo --seconds 20 --keep`
    """
    from headwater.pipelines.demo import run

    run(state=state, seconds=seconds, rate=rate, keep=keep)


def up(
    views: Annotated[Path, typer.Option("--views", help="A file of feature views, or a directory of such files.")],
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    state: StatePath = DEFAULT_STATE,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of each event topic that is created.")] = 4,
    parallelism: Annotated[int, typer.Option(min=1, help="Parallel subtasks of each view's job.")] = 2,
    port: Annotated[
        list[str] | None,
        typer.Option("--port", help="NAME=NUMBER for broker, registry, redis or flink; else a free port."),
    ] = None,
    task_heap_mb: Annotated[int, typer.Option(min=256, help="Heap of the process that computes, for all state.")] = 576,
    high_availability: Annotated[
        bool,
        typer.Option("--high-availability", help="Add ZooKeeper: a killed JobManager then resumes its jobs by itself."),
    ] = False,
    secure: Annotated[
        bool,
        typer.Option("--secure", help="TLS, a user for each process, and grants: as in production, with own secrets."),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return once all is ready, and leave it running.")] = False,
) -> None:
    """Start a broker, registry, Redis, Flink and all workers for your views, and keep them running.

    What dies is restarted within seconds, jobs from their newest checkpoint. Ctrl-C (or `headwater down`) stops all,
    jobs with a savepoint; the next `up` in the same state directory goes on from there.

    Example:  `headwater up --views my_views/ --detach`  then  `headwater status`
    """
    from headwater.pipelines.commands.progress import StartProgress
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings
    from headwater.pipelines.stack.background import start_in_background
    from headwater.pipelines.stack.ports import parse_requested
    from headwater.pipelines.stack.up import UpOptions, up

    configure_logging(load_settings())
    options = UpOptions(
        views=views,
        schemas=schemas,
        state=state,
        partitions=partitions,
        parallelism=parallelism,
        ports=parse_requested(port or []),
        task_heap_mb=task_heap_mb,
        high_availability=high_availability,
        secure=secure,
    )
    with StartProgress(err) as progress:
        if detach:
            start_in_background(options, progress)
        else:
            up(options, progress)


def status(state: StatePath = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """What runs, where it listens, and how fresh each view is. Exit code 1 if nothing runs.

    Example:  `headwater status --json | jq -r .endpoints.kafka_bootstrap_servers`
    """
    from headwater.pipelines.commands.stack_tables import print_status
    from headwater.pipelines.stack.status import status as look

    found = look(state)
    if as_json:
        out.print_json(found.model_dump_json() if found else '{"phase": "stopped"}')
    elif found is None:
        err.print(f"no stack was started in {state}: `headwater up --views PATH` starts one")
    else:
        print_status(out, found)
    if found is None or found.supervisor_pid is None:
        raise typer.Exit(1)


def down(
    state: StatePath = DEFAULT_STATE,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete the stack's data and logs.")] = False,
) -> None:
    """Stop exactly what `headwater up` started there; data are kept.

    Example:  `headwater down --purge`
    """
    from headwater.pipelines.stack.down import down as stop

    with err.status("stopping; jobs write a savepoint"):
        stopped = stop(state, purge=purge)
    err.print(f"stopped {', '.join(stopped)}" if stopped else f"nothing was running in {state}")
    if purge:
        err.print(f"deleted the data in {state}")
