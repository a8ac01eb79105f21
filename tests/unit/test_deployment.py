"""What the JVM is told of Kafka, and where a job goes on from."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.pipelines.checkpoints import CheckpointStore, checkpoint_store
from headwater.pipelines.deployment import java_properties, job_name
from headwater.pipelines.settings import Settings
from headwater.pipelines.submission import job_options, session_options
from headwater.pipelines.topics import DAY_MS, output_topics
from headwater.pipelines.unusable import Origin
from tests.feature_log_rows import make_plan


def test_a_login_becomes_the_java_clients_jaas_line_with_quotes_escaped() -> None:
    found = java_properties(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "ann",
            "sasl.password": 'say "hi"',
            "ssl.ca.location": "/ca.pem",
            "ssl.endpoint.identification.algorithm": "none",
        }
    )
    module = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule"
    assert found == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f'{module} required username="ann" password="say \\"hi\\"";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/ca.pem",
        "ssl.endpoint.identification.algorithm": "",
    }


def test_how_long_clients_wait_is_the_same_in_java() -> None:
    patience = {"request.timeout.ms": "6000", "delivery.timeout.ms": "12000"}
    assert java_properties({**patience, "session.timeout.ms": "6000"}) == patience


def test_what_only_librdkafka_knows_is_left_out() -> None:
    assert java_properties({"bootstrap.servers": "b:1", "queue.buffering.max.ms": "5"}) == {}


def test_without_checkpoints_a_job_starts_anew(tmp_path: Path) -> None:
    assert checkpoint_store(str(tmp_path / "nowhere"), make_plan()).origin() == Origin(None)


def test_a_job_goes_on_from_the_newest_complete_checkpoint_or_savepoint_of_any_job_of_the_view(tmp_path: Path) -> None:
    store = checkpoint_store(str(tmp_path), make_plan(view="v"))
    store.remember(make_plan(view="v"))
    write(tmp_path / "v-g1" / "job1" / "chk-9", written=10)
    write(tmp_path / "v-g1" / "job2" / "chk-2", written=20)
    write(tmp_path / "v-g1" / "job2" / "shared", written=99)
    write(tmp_path / "w-g1" / "job3" / "chk-3", written=50)
    (tmp_path / "v-g1" / "job2" / "chk-3").mkdir()  # Not complete: it has no metadata.
    assert store.origin() == Origin(f"{store.url}/job2/chk-2")
    write(tmp_path / "v-g1" / "savepoints" / "savepoint-1", written=30)
    assert store.origin() == Origin(f"{store.url}/savepoints/savepoint-1")


def test_a_plain_path_and_its_url_are_one_checkpoint_directory(tmp_path: Path) -> None:
    plan = make_plan()
    assert checkpoint_store(str(tmp_path), plan) == checkpoint_store(tmp_path.as_uri() + "/", plan)
    assert checkpoint_store("s3://bucket/x", plan) == CheckpointStore("s3://bucket/x/customer_purchases-g1")


def test_options_name_the_cluster_the_plan_and_the_state_to_go_on_from() -> None:
    plan = make_plan()
    settings = Settings(flink_rest_url="https://flink.example", state_backend="rocksdb", checkpoint_dir="/c")
    options = session_options(settings) | job_options(plan, settings, "file:///c/chk-1")
    assert options["rest.address"] == "flink.example"
    assert options["rest.port"] == "443"
    assert options["security.ssl.rest.enabled"] == "true"
    assert options["execution.checkpointing.incremental"] == "true"
    assert options["execution.state-recovery.path"] == "file:///c/chk-1"
    assert plan.digest() in options["pipeline.global-job-parameters"]
    assert "execution.state-recovery.path" not in job_options(plan, settings, None)


def test_the_log_keeps_rows_until_nothing_can_change_them_and_the_archive_has_had_a_week() -> None:
    plan = make_plan()
    log = output_topics(plan)[0]
    assert log.config["cleanup.policy"] == "compact,delete"
    assert int(log.config["retention.ms"]) >= max(7 * DAY_MS, (plan.reach_ms or 0) + plan.time_to_live_ms)
    assert f"--topic {plan.log.topic} --partitions 2 --config cleanup.policy=compact,delete" in log.command


def test_the_job_is_named_after_view_and_generation() -> None:
    assert job_name(make_plan(view="clicks")) == "headwater-clicks-g1"


def write(directory: Path, *, written: int) -> None:
    directory.mkdir(parents=True)
    metadata = directory / "_metadata"
    metadata.write_bytes(b"state")
    os.utime(metadata, (written, written))
