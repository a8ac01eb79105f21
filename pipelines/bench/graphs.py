"""The graphs that a view's job is measured beside: as much of it as comes before the kernel. Run as a program.

`python -m headwater.pipelines.bench.graphs STAGE` submits the graph that ends behind a stage, of the submission on its
standard input.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, get_args

from headwater.pipelines import compute
from headwater.pipelines.compute import MAX_PARALLELISM
from headwater.pipelines.deployment import Deployment
from headwater.pipelines.submission import Build, Submission, submit, submit_in_child
from headwater.schemas.plan import Plan

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment

Stage = Literal["decode", "exchange", "full"]
"""Source and decoding; the exchange by entity as well; all, down to the feature log."""

STAGES: tuple[Stage, ...] = get_args(Stage)


def submit_stage(submission: Submission, stage: Stage) -> str:
    """Submits the graph from a process of its own and returns the job's id.

    Raises:
        ClusterError: the cluster cannot be reached or refused the job.
    """
    return submit_in_child(submission, (__name__, stage))


def build_decode(env: StreamExecutionEnvironment, plan: Plan, deployment: Deployment) -> None:
    """::

    source ─ discard
    """
    from headwater.operators import bridge

    env.set_max_parallelism(MAX_PARALLELISM)
    connection = compute.connection_of(deployment)
    bridge.discard(bridge.source(env, plan, 0, connection, deployment.model_dump_json()))


def build_exchange(env: StreamExecutionEnvironment, plan: Plan, deployment: Deployment) -> None:
    """::

    source ─ router ══ by entity ══▶ discard
    """
    from headwater.operators import bridge

    parallelism = env.get_parallelism()
    env.set_max_parallelism(MAX_PARALLELISM)
    decoded = bridge.source(env, plan, 0, compute.connection_of(deployment), deployment.model_dump_json())
    streams = bridge.router(decoded, plan, 0, parallelism=parallelism, max_parallelism=MAX_PARALLELISM)
    bridge.discard(streams.events, by_entity=True)


_BUILDS: dict[Stage, Build] = {"decode": build_decode, "exchange": build_exchange, "full": compute.build}


def _main() -> None:
    (stage,) = (stage for stage in STAGES if stage == sys.argv[1])
    print(submit(Submission.model_validate_json(sys.stdin.read()), _BUILDS[stage]))


if __name__ == "__main__":
    _main()
