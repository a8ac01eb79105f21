"""What a process must be told about the world around it, from the environment or an `.env`-style file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as MalformedSetting

from headwater.pipelines.security.kafka import python_properties
from headwater.pipelines.security.settings import SecuritySettings, require_files
from headwater.schemas.dead_letter import LETTER_CAP_BYTES
from headwater.schemas.errors import SettingsError


class Settings(SecuritySettings):
    """Connections and operating choices, each an environment variable `HEADWATER_<NAME>`.

    Nothing here changes what a feature means: that is the plan's. How connections are secured is told by
    SecuritySettings.
    """

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port separated by commas.")
    kafka_properties: dict[str, SecretStr] = Field(
        default_factory=dict, description="Further properties of Kafka clients as JSON, by librdkafka's names."
    )
    registry_url: str = Field("http://127.0.0.1:8081", description="Schema registry, the Confluent API's base URL.")
    registry_properties: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Further properties of the registry's client as JSON, by confluent-kafka's names.",
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="Online store, with password if any."
    )
    offline_root: str = Field(
        "offline", description="Directory or object store URL below which the Delta tables stand."
    )
    store_endpoint_url: str = Field("", description="S3 server other than AWS's, http(s)://host:port.")
    store_region: str = Field("", description="Region of the bucket, as the S3 server names it.")
    store_access_key_id: SecretStr | None = Field(
        None, description="Key of the object store; without it, the environment's or the cloud identity's is used."
    )
    store_secret_access_key: SecretStr | None = Field(None, description="The secret that belongs to that key.")
    store_properties: dict[str, SecretStr] = Field(
        default_factory=dict, description="Further options of the object store as JSON, as delta-rs names them."
    )
    flink_rest_url: str = Field("http://127.0.0.1:8081", description="REST address of the Flink cluster.")
    checkpoint_dir: str = Field("checkpoints", description="Directory or URL that all of the Flink cluster can write.")
    checkpoint_interval_ms: int = Field(10_000, ge=100, description="Time between checkpoints.")
    topic_replication: int = Field(
        -1, ge=-1, le=100, description="Brokers that keep each record of a topic that is made; -1 asks the brokers."
    )
    topic_min_insync_replicas: int | None = Field(
        None, ge=1, description="Brokers that must have a record before it counts, for topics that are made."
    )
    parallelism: int = Field(2, ge=1, description="Parallel subtasks of a compute job.")
    state_backend: str = Field("hashmap", pattern="^(hashmap|rocksdb)$", description="Where Flink keeps state.")
    transaction_timeout_ms: int = Field(
        600_000,
        ge=10_000,
        description="How long the broker keeps a transaction of a dead job open; at most its own limit.",
    )
    unknown_schema_wait_ms: int = Field(
        5_000,
        ge=0,
        description="How old a record must be before a schema id that a healthy registry denies rejects it.",
    )
    dead_letter_cap_bytes: int = Field(
        LETTER_CAP_BYTES,
        ge=0,
        le=900 * 1024,
        description="Longest value, key and headers together of which a dead letter keeps more than hash and length.",
    )
    archive_flush_seconds: float = Field(
        30.0, gt=0, description="Longest time a committed row waits for its Parquet file."
    )
    archive_max_rows: int = Field(500_000, ge=1, description="Rows that are flushed before that time has passed.")
    offline_upkeep_seconds: float = Field(
        300.0, gt=0, description="Time between two looks at what the offline log's files require."
    )
    offline_file_bytes: int = Field(
        128 * 2**20, ge=2**16, description="Size of the files into which compaction merges; half of it is a small file."
    )
    offline_small_files: int = Field(32, ge=2, description="Small files of one day from which on they are merged.")
    offline_quiet_seconds: float = Field(
        3600.0, gt=0, description="Time without a new file after which even two small files of a day are merged."
    )
    offline_vacuum_seconds: float = Field(
        86_400.0, gt=0, description="Time between two vacuums of the offline log, each with a checkpoint and clean-up."
    )
    offline_retention_hours: int = Field(
        168, ge=1, description="Hours for which older versions of the offline log can be read; vacuum deletes the rest."
    )
    behind_rows: int = Field(100_000, ge=1, description="Rows of lag from which the online store counts as behind.")
    behind_seconds: float = Field(
        30.0, gt=0, description="Seconds of lag from which the online store or the offline log counts as behind."
    )
    dead_letters_per_minute: int = Field(60, ge=0, description="Rejected records a minute that are nothing unusual.")
    fenced_rows_per_minute: int = Field(100_000, ge=0, description="Fenced rows a minute that are nothing unusual.")
    watch_rows_per_second: float = Field(
        20.0, gt=0, description="Online rows a second that watch looks at and compares with the offline log."
    )
    watch_check_seconds: float = Field(30.0, gt=0, description="Time between two looks of watch into the offline log.")
    watch_reference_keys: int = Field(
        50,
        ge=0,
        description="Keys that watch compares with the reference in one passage over the event topics; 0: none.",
    )
    watch_reference_bytes_per_second: int = Field(
        2**20, ge=1024, description="How fast watch reads the event topics at most."
    )
    watch_reference_bytes: int = Field(
        4 * 2**30, ge=1, description="Bytes of events after which watch gives a passage up."
    )
    watch_reference_pause_seconds: float = Field(60.0, ge=0, description="Time between two passages.")
    watch_values_seconds: float = Field(
        600.0, gt=0, description="Period over which watch tells what a feature's values look like."
    )
    watch_reference_period_seconds: float = Field(
        86_400.0, gt=0, description="First period of a view, with whose values watch compares later ones."
    )
    watch_drift_limit: float = Field(
        0.25, gt=0, description="Population stability index from which a feature's values count as drifted."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which /metrics listens.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port on which /metrics listens; 0 takes a free one.")
    board_token: SecretStr | None = Field(None, description="What readers of the web board must know.")
    instance: str = Field("0", description="Name of this process among its like, stable across restarts.")
    log_format: str = Field(
        "auto", pattern="^(auto|json|console)$", description="How log lines look; auto asks the terminal."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level that is logged.")


FILE_VARIABLE = "HEADWATER_SETTINGS_FILE"


def load_settings(**overrides: object) -> Settings:
    """The settings of this process: overrides first, then the environment, then the file that FILE_VARIABLE names.

    The file has lines such as `HEADWATER_PARALLELISM=4`.

    Raises:
        SettingsError: a setting is malformed or unknown, or names a file that cannot be read; says which and why.
    """
    file = os.environ.get(FILE_VARIABLE)
    if file is not None and not Path(file).is_file():
        raise SettingsError(f"{FILE_VARIABLE}: there is no file {file}")
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(_env_file=file, **given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from error
    except MalformedSetting as error:
        raise SettingsError(f"{error}: not JSON") from None  # the cause quotes it, and it may be a secret
    require_files(settings)
    return settings


def client_properties(settings: Settings) -> dict[str, Any]:
    """The properties of a Python Kafka client (librdkafka's names), brokers and security included.

    Raises:
        SettingsError: a secret's file cannot be read.
    """
    given = {name: value.get_secret_value() for name, value in settings.kafka_properties.items()}
    return {**given, **python_properties(settings), "bootstrap.servers": settings.kafka_bootstrap_servers}


def _lines(error: ValidationError) -> list[str]:
    """What is wrong, a line for each setting, without its value; what is about several names them itself."""
    places = (("_".join(map(str, each["loc"])).upper(), each["msg"]) for each in error.errors(include_input=False))
    return [f"HEADWATER_{place}: {said}" if place else said.removeprefix("Value error, ") for place, said in places]
