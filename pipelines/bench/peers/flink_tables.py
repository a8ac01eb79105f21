"""Flink's own tables of the topic and of the results, for both peers that are Flink jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict
from pyflink.table import StreamTableEnvironment

from headwater.operators import bridge
from headwater.pipelines.bench.peers.task import Task

IDLE_SECONDS = 1


class FlinkTask(BaseModel):
    """A task, and how Flink is to run it."""

    model_config = ConfigDict(frozen=True)

    task: Task
    options: dict[str, str]
    jars: tuple[str, ...]


def submit(build: Callable[[StreamTableEnvironment, Task], str]) -> None:
    """Submits the job of the task on standard input, and prints its id.

    Args:
        build: puts the job together, submits it and returns its id.
    """
    told = FlinkTask.model_validate_json(sys.stdin.read())
    tables = StreamTableEnvironment.create(bridge.session_cluster(told.options, told.jars))
    tables.execute_sql(_events(told.task))
    tables.execute_sql(_results(told.task))
    print(build(tables, told.task))


def _events(task: Task) -> str:
    """Only what is needed of an event is declared, so that Avro skips the rest."""
    return f"""
        CREATE TABLE events (
            `user` STRING NOT NULL,
            `at` BIGINT NOT NULL,
            amount DOUBLE NOT NULL,
            happened AS TO_TIMESTAMP_LTZ(`at` / 1000, 3),
            WATERMARK FOR happened AS happened - INTERVAL '{task.lateness_seconds}' SECOND({_digits(task)})
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{task.topic}',
            'properties.bootstrap.servers' = '{task.bootstrap_servers}',
            'properties.group.id' = '{task.results}',
            'scan.startup.mode' = 'earliest-offset',
            'scan.watermark.idle-timeout' = '{IDLE_SECONDS} s',
            'value.format' = 'avro-confluent',
            'value.avro-confluent.url' = '{task.registry_url}'
        )"""


def _results(task: Task) -> str:
    """Text with commas between the columns of `headwater.pipelines.bench.peers.task.COLUMNS`, exactly once."""
    return f"""
        CREATE TABLE results (
            `user` STRING, window_seconds INT, end_seconds BIGINT,
            `count` BIGINT, `sum` DOUBLE, `mean` DOUBLE, `min` DOUBLE, `max` DOUBLE, `stddev` DOUBLE
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{task.results}',
            'properties.bootstrap.servers' = '{task.bootstrap_servers}',
            'properties.transaction.timeout.ms' = '600000',
            'properties.linger.ms' = '5',
            'properties.compression.type' = 'lz4',
            'properties.batch.size' = '131072',
            'sink.delivery-guarantee' = 'exactly-once',
            'sink.transactional-id-prefix' = '{task.results}',
            'value.format' = 'csv'
        )"""


def _digits(task: Task) -> int:
    return len(str(task.lateness_seconds))
