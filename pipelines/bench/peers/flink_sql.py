"""Flink SQL: a hopping window (HOP) for each length."""

from __future__ import annotations

from pyflink.table import StreamTableEnvironment

from headwater.pipelines.bench.peers.flink_tables import submit
from headwater.pipelines.bench.peers.task import Task


def build(tables: StreamTableEnvironment, task: Task) -> str:
    """One job for all windows, which reads the topic once; its id."""
    statements = tables.create_statement_set()
    for seconds in task.windows_seconds:
        statements.add_insert_sql(_windows(task, seconds))
    client = statements.execute().get_job_client()
    if client is None:
        raise RuntimeError("Flink submitted no job")
    return str(client.get_job_id())


def _windows(task: Task, seconds: int) -> str:
    size, hop = f"INTERVAL '{seconds}' SECOND({len(str(seconds))})", f"INTERVAL '{task.hop_seconds}' SECOND"
    return f"""
        INSERT INTO results
        SELECT `user`, {seconds}, UNIX_TIMESTAMP(CAST(window_end AS STRING), 'yyyy-MM-dd HH:mm:ss.SSS'),
               COUNT(*), SUM(amount), AVG(amount), MIN(amount), MAX(amount), STDDEV_POP(amount)
        FROM HOP(TABLE events, DESCRIPTOR(happened), {hop}, {size})
        GROUP BY `user`, window_start, window_end"""  # noqa: S608 - the numbers are ours


if __name__ == "__main__":
    submit(build)
