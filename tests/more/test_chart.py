"""The Helm chart as helm renders it: valid, secure, always the same, and right about settings, commands and image."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from headwater.pipelines.application import ARGUMENTS
from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.cli import app
from headwater.pipelines.rollout.actions import NotePlan
from headwater.pipelines.rollout.rollout import Rollout, ViewRollout
from headwater.pipelines.settings import FILE_VARIABLE, Settings, load_settings
from headwater.pipelines.submission import job_options
from headwater.schemas.plan import Plan
from tests.dockerfile import ROOT, stages
from tests.more.pod_security import violations

CHART = ROOT / "helm/headwater"
GOLDEN = ROOT / "tests/unit/golden/customer_purchases.plan.json"
RULES = ROOT / "pipelines/shop/customer_purchases.rules.yaml"
KUBERNETES = "1.33.0"
EXAMPLES = ("small", "production", "multi-tenant")

# No settings: pyarrow, delta-rs, Flink's S3 file system and the image's entry point take these from the environment.
NOT_OURS = {"AWS_ALLOW_HTTP", "AWS_ENDPOINT_URL", "AWS_REGION", "FLINK_CONF_EXTRA_FILE"}

CONTRACTS = (
    f"--set-file=apply.contracts.terms={ROOT}/schemas/subjects/subjects.toml",
    rf"--set-file=apply.contracts.subjects.shop\.purchases-value.v1={ROOT}/schemas/subjects/shop.purchases-value/v1.avsc",
)

pytestmark = pytest.mark.timeout(1800)

Resource = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod that a resource makes, and one of its containers."""

    owner: Resource
    spec: dict[str, Any]
    container: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return {each["name"]: each.get("value", "from-the-pod") for each in self.container["env"]}


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Each example's views and their plans."""
    rides = tmp_path_factory.mktemp("plans") / "driver_rides.plan.json"
    rides.write_text(json.dumps({**json.loads(GOLDEN.read_text()), "view": "driver_rides"}))
    one = {"customer_purchases": GOLDEN}
    return {"small": one, "production": one, "multi-tenant": {"purchases": GOLDEN, "rides": rides}}


@pytest.fixture(scope="session")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `headwater plan --out` writes of a view that is there already."""
    plan = Plan.from_json(GOLDEN.read_text())
    view = ViewRollout(
        view=plan.view,
        verdict="compatible",
        deployed=plan.generation,
        declared=plan.generation,
        changes=(),
        refusals=(),
        actions=(NotePlan(before="0" * 64, plan=plan),),
        costs=(),
        notes=(),
    )
    file = tmp_path_factory.mktemp("rollout") / "rollout.json"
    file.write_text(Rollout(cluster="c", registry="r", views=(view,)).to_json())
    return file


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rendered(example: str, tools: Path, plans: dict[str, dict[str, Path]], rollout: Path) -> str:
    return render(example, tools, plans, rollout)


@pytest.fixture
def resources(rendered: str) -> list[Resource]:
    return [each for each in yaml.safe_load_all(rendered) if each]


def test_helm_finds_nothing_to_complain_of(tools: Path) -> None:
    subprocess.run((tools / "bin/helm", "lint", "--strict", "--quiet", CHART), check=True)


def test_every_branch_of_the_templates_gives_what_it_should(tools: Path) -> None:
    subprocess.run((tools / "bin/helm-unittest", "--strict", CHART), check=True)


def test_rendering_twice_gives_the_same_bytes_and_asks_no_cluster(
    example: str, rendered: str, tools: Path, plans: dict[str, dict[str, Path]], rollout: Path
) -> None:
    assert render(example, tools, plans, rollout) == rendered
    assert not [
        file for file in (CHART / "templates").iterdir() if re.search(r"\blookup\b|\bnow\b|rand", file.read_text())
    ]


def test_every_resource_is_what_kubernetes_and_the_operators_take(
    rendered: str, resources: list[Resource], tools: Path, tmp_path: Path
) -> None:
    for file in (tools / "schemas").glob("*.y*ml"):
        write_schemas(yaml.safe_load(file.read_text()), tmp_path)
    copy_core_schemas({each["kind"].lower() for each in resources}, tmp_path)
    places = (
        f"{tmp_path}/{{{{.ResourceKind}}}}{suffix}.json" for suffix in ("{{.KindSuffix}}", "_{{.ResourceAPIVersion}}")
    )
    command = (tools / "bin/kubeconform", "-strict", "-summary", "-kubernetes-version", KUBERNETES)
    where = (word for place in places for word in ("-schema-location", place))
    subprocess.run((*command, *where), input=rendered, text=True, check=True)


def test_every_pod_keeps_to_the_restricted_standard_and_can_write_nowhere_but_to_tmp(resources: list[Resource]) -> None:
    found = list(pods(resources))
    assert found
    for pod in found:
        assert violations(pod.spec) == []
        assert pod.container["securityContext"]["readOnlyRootFilesystem"] is True
        mounts = pod.container["volumeMounts"]
        assert [each["mountPath"] for each in mounts if not each.get("readOnly")] == ["/tmp"]
        assert {each["name"] for each in mounted(pod.spec)} == {each["name"] for each in pod.spec["volumes"]}


def test_every_variable_is_a_setting_with_a_value_that_it_takes(
    resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    for pod in pods(resources):
        ours = {name: value for name, value in pod.environment.items() if name not in NOT_OURS}
        assert {
            name.removeprefix("HEADWATER_").lower() for name in ours.keys() - {FILE_VARIABLE}
        } <= Settings.model_fields.keys()
        with monkeypatch.context() as environment:
            environment.delenv(FILE_VARIABLE, raising=False)
            for name, value in ours.items():
                if name != FILE_VARIABLE:
                    environment.setenv(name, value)
            load_settings()


def test_every_argument_is_one_and_every_file_that_it_names_is_mounted(resources: list[Resource]) -> None:
    for pod in pods(resources):
        if pod.owner["kind"] == "FlinkDeployment":
            job = pod.owner["spec"]["job"]
            assert tuple(job["args"][:-1]) == ARGUMENTS
            named = job["args"][-1:]
        else:
            named = files_named(pod.container["args"])
        there = {
            f"{mount['mountPath']}/{name}"
            for mount in pod.container["volumeMounts"]
            for name in content(pod, mount["name"], resources)
        }
        assert named
        for file in named:
            assert any(each == file or each.startswith(f"{file}/") for each in there), file
        assert pod.environment.get(FILE_VARIABLE, named[0]) in {*there, named[0]}


def test_ports_are_those_that_are_listened_on_exposed_and_let_through(resources: list[Resource]) -> None:
    exposed = {int(word) for each in stages()[-1].all("EXPOSE") for word in each.words}
    for pod in pods(resources):
        if pod.owner["kind"] == "Job":
            assert "ports" not in pod.container
            continue
        (metrics,) = (each["containerPort"] for each in pod.container["ports"])
        if pod.owner["kind"] == "FlinkDeployment":
            flink = pod.owner["spec"]["flinkConfiguration"]
            assert {int(value) for name, value in flink.items() if name.endswith("port")} == exposed - {9404}
            assert metrics == int(flink["metrics.reporter.prom.port"])
        else:
            assert metrics == int(pod.environment["HEADWATER_METRICS_PORT"])
        assert metrics in exposed
    for policy in of_kind("NetworkPolicy", resources):
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                assert {port["port"], port.get("endPort", port["port"])} <= exposed


def test_a_job_keeps_its_state_where_the_operator_looks_for_it(resources: list[Resource]) -> None:
    for deployment in of_kind("FlinkDeployment", resources):
        pod = next(each for each in pods([deployment]))
        (volume,) = (each for each in pod.spec["volumes"] if each["name"] == "plan")
        plan = plan_of(volume["configMap"]["name"], resources)
        store = checkpoint_store(pod.environment["HEADWATER_CHECKPOINT_DIR"], plan)
        given = deployment["spec"]["flinkConfiguration"]
        assert given["execution.checkpointing.dir"] == store.url
        assert given["execution.checkpointing.savepoint-dir"] == store.savepoints
        settings = Settings(checkpoint_dir=pod.environment["HEADWATER_CHECKPOINT_DIR"])
        for name, value in job_options(plan, settings, None).items():
            assert given.get(name, value) == value
        assert deployment["spec"]["job"]["parallelism"] == int(pod.environment["HEADWATER_PARALLELISM"])


def test_selectors_find_the_pods_that_they_are_for_and_accounts_are_there(resources: list[Resource]) -> None:
    accounts = {each["metadata"]["name"] for each in of_kind("ServiceAccount", resources)}
    labelled = [labels for _, labels, _ in templates(resources)]
    for kind in ("NetworkPolicy", "PodDisruptionBudget", "PodMonitor"):
        for each in of_kind(kind, resources):
            wanted = each["spec"].get("podSelector", each["spec"].get("selector"))["matchLabels"]
            assert any(wanted.items() <= labels.items() for labels in labelled), each["metadata"]["name"]
    for owner, _, spec in templates(resources):
        assert spec.get("serviceAccountName", owner["spec"].get("serviceAccount")) in accounts
        if owner["kind"] == "FlinkDeployment":
            flink = owner["spec"]["flinkConfiguration"]
            assert {
                flink["kubernetes.jobmanager.service-account"],
                flink["kubernetes.taskmanager.service-account"],
            } <= accounts


def test_no_secret_stands_in_what_is_rendered(resources: list[Resource]) -> None:
    assert not of_kind("Secret", resources)
    for pod in pods(resources):
        assert "HEADWATER_REDIS_URL" not in pod.environment
        assert not [name for name in pod.environment if re.search("PASSWORD|SECRET|ACCESS_KEY", name)]


def test_compose_is_what_the_compose_specification_says(tools: Path) -> None:
    schema = json.loads((tools / "schemas/compose-spec.json").read_text())
    schema.pop("$schema")  # names a draft by an address of its own
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def render(example: str, tools: Path, plans: dict[str, dict[str, Path]], rollout: Path) -> str:
    """The example as its own head says that it is installed."""
    given = [f"--set-file=views.{view}.plan={file}" for view, file in plans[example].items()]
    command = (tools / "bin/helm", "template", "shop", CHART, "--namespace", "features", "--kube-version", KUBERNETES)
    values = CHART / f"examples/{example}.yaml"
    if "prometheusRule:" in values.read_text():
        given += [f"--set-file=views.{view}.rules={RULES}" for view in plans[example]]
    if "apply.rollout=" in values.read_text():
        given += [f"--set-file=apply.rollout={rollout}", *CONTRACTS]
    return subprocess.run((*command, "--values", values, *given), check=True, capture_output=True, text=True).stdout


def of_kind(kind: str, resources: list[Resource]) -> list[Resource]:
    return [each for each in resources if each["kind"] == kind]


def templates(resources: list[Resource]) -> Iterator[tuple[Resource, dict[str, str], dict[str, Any]]]:
    """Everything that pods are made from: its resource, the pods' labels, their specification."""
    for each in resources:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            made = [each["spec"]["template"]]
        elif each["kind"] == "FlinkDeployment":
            made = [each["spec"][role]["podTemplate"] for role in ("jobManager", "taskManager")]
        else:
            made = []
        yield from ((each, template["metadata"]["labels"], template["spec"]) for template in made)


def pods(resources: list[Resource]) -> Iterator[Pod]:
    for owner, _, spec in templates(resources):
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            yield Pod(owner, spec, container)


def mounted(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """What the pod's containers mount."""
    containers = (*spec.get("initContainers", ()), *spec["containers"])
    return [mount for each in containers for mount in each["volumeMounts"]]


def files_named(arguments: list[str]) -> list[str]:
    """The files and directories that a command line of ours names, once each of its words is one that there is."""
    words, command = list(arguments), get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {text for each in command.params for text in each.opts}
    assert {word for word in words if word.startswith("-")} <= known
    return [word for word in words if not word.startswith("-")]


def content(pod: Pod, volume: str, resources: list[Resource]) -> list[str]:
    """The files in a volume."""
    (found,) = (each for each in pod.spec["volumes"] if each["name"] == volume)
    if "configMap" in found:
        (config,) = (
            each for each in of_kind("ConfigMap", resources) if each["metadata"]["name"] == found["configMap"]["name"]
        )
        return [each["path"] for each in found["configMap"].get("items", ())] or list(config["data"])
    return [item["path"] for item in found.get("secret", {}).get("items", [])]


def plan_of(config_map: str, resources: list[Resource]) -> Plan:
    (found,) = (each for each in of_kind("ConfigMap", resources) if each["metadata"]["name"] == config_map)
    return Plan.from_json(found["data"]["plan.json"])


def copy_core_schemas(kinds: set[str], directory: Path) -> None:
    """The schemas of Kubernetes' own resources of these kinds, each with the definitions that it refers to."""
    package = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{KUBERNETES}-local-strict"
    shared = json.loads(_with_own_references(package / "_definitions.json"))["$defs"]
    for file in package.iterdir():
        if file.name.partition("-")[0] in kinds:
            schema = {**json.loads(_with_own_references(file)), "$defs": shared}
            (directory / file.name).write_text(json.dumps(schema))


def _with_own_references(file: Path) -> str:
    return file.read_text().replace("/api/_definitions.json#", "#")


def write_schemas(definition: dict[str, Any], directory: Path) -> None:
    """The JSON schemas in a custom resource definition, with no field taken that it does not name."""
    kind = definition["spec"]["names"]["kind"].lower()
    for version in definition["spec"]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        for name, kind_of in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
            schema["properties"].setdefault(name, {"type": kind_of})
        if kind == "flinkdeployment":
            # The newest definition that can be had ends at v1_20; an operator in use goes to v2_2.
            schema["properties"]["spec"]["properties"]["flinkVersion"]["enum"] += ["v2_0", "v2_1", "v2_2"]
        (directory / f"{kind}_{version['name']}.json").write_text(json.dumps(closed(schema)))


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if (
        isinstance(schema.get("properties"), dict)
        and "type" in schema
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        found.setdefault("additionalProperties", False)
    return found
