"""docker-compose.yml says only what settings, commands and the image know, and keeps to itself."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from headwater.pipelines.cli import app
from headwater.pipelines.jars import JOB_PACKAGES
from headwater.pipelines.settings import FILE_VARIABLE, Settings, load_settings
from headwater.pipelines.stack.registry import Registry
from headwater.schemas import fresh_reads
from headwater.schemas.durations import parse_duration
from headwater.schemas.errors import DeclarationError
from tests.dockerfile import ROOT, stages

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("headwater:")}
WORKERS = {name: OURS[name] for name in ("compute", "materialize", "archive", "watch")}
FLINK: dict[str, Any] = yaml.safe_load((ROOT / "pipelines/deploy/compose/flink.yaml").read_text())

VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}")


def test_every_setting_is_one_and_has_a_value_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in WORKERS.values():
        given = {name: value for name, value in worker["environment"].items() if name.startswith("HEADWATER_")}
        assert {name.removeprefix("HEADWATER_").lower() for name in given} <= Settings.model_fields.keys()
        monkeypatch.delenv(FILE_VARIABLE, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, VARIABLE.sub("p", value))
        load_settings()


def test_every_command_of_ours_is_one_with_options_that_it_has_and_files_that_are_mounted() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, worker in WORKERS.items():
        command, option, file = worker["command"]
        assert command == name
        assert option in {text for each in commands[command].params for text in each.opts}
        assert file in {config["target"] for config in worker["configs"]}


def test_flinks_servers_are_started_by_scripts_that_flink_has() -> None:
    import pyflink

    scripts = {file.name for file in (Path(pyflink.__file__).parent / "bin").iterdir()}
    for name in ("jobmanager", "taskmanager"):
        assert SERVICES[name]["command"] == [f"{name}.sh", "start-foreground"]
        assert f"{name}.sh" in scripts


def test_every_address_that_a_setting_names_is_a_service_that_listens_there() -> None:
    listens = {"broker": {19092}, "registry": {8080}, "redis": {6379}, "store": {9000}, "jobmanager": {8081}}
    for service, ports in listens.items():
        text = json.dumps(SERVICES[service])
        assert all(f"{port}" in text for port in ports)
    texts = [*(str(value) for each in OURS.values() for value in each.get("environment", {}).values()), str(FLINK)]
    for host, port in re.findall(r"(?:@|//|^)([a-z]+):(\d{4,5})", "\n".join(texts), re.MULTILINE):
        assert int(port) in listens[host], f"{host}:{port}"


def test_prometheus_scrapes_every_process_where_it_serves_metrics() -> None:
    scraped = yaml.safe_load((ROOT / "pipelines/deploy/compose/prometheus.yaml").read_text())["scrape_configs"]
    targets = {target for job in scraped for each in job["static_configs"] for target in each["targets"]}
    flink = FLINK["metrics.reporter.prom.port"]
    ours = {f"{name}:{each['environment']['HEADWATER_METRICS_PORT']}" for name, each in WORKERS.items()}
    assert targets == ours | {f"jobmanager:{flink}", f"taskmanager:{flink}"}


def test_prometheus_remembers_the_longest_period_and_grafana_knows_how_often_it_looks() -> None:
    (retention,) = (
        value
        for name, _, value in (argument.partition("=") for argument in SERVICES["prometheus"]["command"])
        if name == "--storage.tsdb.retention.time"
    )
    longest = parse_duration("90d")
    assert fresh_reads("99%", over=longest)
    with pytest.raises(DeclarationError, match="from 7d to 90d"):
        fresh_reads("99%", over=longest + timedelta(days=1))
    assert parse_duration(retention) > longest
    prometheus = yaml.safe_load((ROOT / "pipelines/deploy/compose/prometheus.yaml").read_text())
    (source,) = yaml.safe_load((ROOT / "pipelines/deploy/compose/grafana-datasource.yaml").read_text())["datasources"]
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]


def test_ports_of_the_image_are_the_ones_that_are_used() -> None:
    exposed = {int(word) for each in stages()[-1].all("EXPOSE") for word in each.words}
    used = {value for name, value in FLINK.items() if name.endswith("port")}
    assert exposed == used | {int(WORKERS["compute"]["environment"]["HEADWATER_METRICS_PORT"])}


def test_every_port_is_published_on_loopback_only_and_once() -> None:
    ports = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_no_password_has_a_default_and_each_is_in_the_example() -> None:
    names = {name for name, _ in VARIABLE.findall(TEXT)}
    assert all(rest.startswith(":?") for _, rest in VARIABLE.findall(TEXT))
    assert not re.findall(r"^.*(?:PASSWORD|SECRET)[A-Z_]*: (?!\$\{|/run/secrets/)\S+$", TEXT, re.MULTILINE)
    example = dict(
        re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / "pipelines/deploy/compose/example.env").read_text(), re.MULTILINE)
    )
    secrets = {each["environment"] for each in COMPOSE["secrets"].values()}
    assert set(example) == (names - {"HEADWATER_PLAN", "HEADWATER_RULES"}) | secrets
    assert not any(example.values())


def test_every_service_that_stays_has_a_health_check_and_restarts() -> None:
    for name, each in SERVICES.items():
        if name != "bucket":
            assert each["restart"] == "unless-stopped"
            assert each["healthcheck"]["test"]
    waits = {
        (name, each["condition"])
        for service in SERVICES.values()
        for name, each in service.get("depends_on", {}).items()
    }
    assert {condition for name, condition in waits if name != "bucket"} == {"service_healthy"}
    assert {name for name, _ in waits} <= SERVICES.keys()


def test_everything_that_must_last_is_in_a_named_volume_and_every_file_is_there() -> None:
    mounted = {text.split(":")[0] for each in SERVICES.values() for text in each.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    for name, config in COMPOSE["configs"].items():
        assert name in {"plan", "rules"} or (ROOT / config["file"]).is_file()
    used = {config["source"] for each in SERVICES.values() for config in each.get("configs", [])}
    assert used == set(COMPOSE["configs"])


def test_ours_run_without_rights_and_write_to_memory_only() -> None:
    for each in OURS.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["tmpfs"] == ["/tmp"]


def test_images_are_pinned() -> None:
    for each in SERVICES.values():
        assert re.search(r":(v?\d+\.\d+\.\d+|RELEASE\.)", each["image"]), each["image"]


def test_the_registry_is_set_up_as_in_the_local_stack(tmp_path: Path) -> None:
    local = Registry(tmp_path, tmp_path, 1, 2, tmp_path)._configuration()
    environment = SERVICES["registry"]["environment"]
    for name in ("apicurio.storage.kind", "apicurio.storage.sql.kind", "apicurio.datasource.url"):
        here = environment[name.upper().replace(".", "_")]
        assert here.replace("/data", str(tmp_path)) == local[name]


def test_flink_loads_the_jobs_jars_once() -> None:
    assert FLINK["classloader.parent-first-patterns.additional"] == ";".join(JOB_PACKAGES)


def test_prometheus_loads_the_rules_and_grafana_every_dashboard_where_they_are_mounted() -> None:
    mounted = {
        name: {each["target"]: each["source"] for each in SERVICES[name]["configs"]}
        for name in SERVICES
        if "configs" in SERVICES[name]
    }
    (rules,) = yaml.safe_load((ROOT / COMPOSE["configs"]["prometheus"]["file"]).read_text())["rule_files"]
    assert mounted["prometheus"][f"/etc/prometheus/{rules}"] == "rules"
    (provider,) = yaml.safe_load((ROOT / COMPOSE["configs"]["dashboards"]["file"]).read_text())["providers"]
    files = {file.name for file in (ROOT / "pipelines/deploy/compose/dashboards").iterdir()}
    below = provider["options"]["path"]
    assert {f"{below}/{file}" for file in files} <= mounted["grafana"].keys()
