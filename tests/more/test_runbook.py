"""The runbook's helm commands give what they say, and kubectl names what the chart makes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.dockerfile import ROOT
from tests.more.test_chart import CHART, GOLDEN, KUBERNETES
from tests.runbook import Command, commands

ROLLOUT = {"format": 1, "views": [{"view": "customer_purchases", "declared": 1, "refusals": []}]}
CONTRACTS = ROOT / "schemas/subjects"

# What a command is given, when it goes on from what is installed.
BASE = ("--values", str(CHART / "examples/small.yaml"), f"--set-file=views.customer_purchases.plan={GOLDEN}")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files that the commands name, and those that stand in for them."""
    directory = tmp_path_factory.mktemp("runbook")
    (directory / "rollout.json").write_text(json.dumps(ROLLOUT))
    second = {**json.loads(GOLDEN.read_text()), "generation": 2}
    (directory / "g2.json").write_text(json.dumps(second))
    return {
        "my_values.yaml": CHART / "examples/small.yaml",
        "plans/customer_purchases.plan.json": GOLDEN,
        "plans/customer_purchases.g2.plan.json": directory / "g2.json",
        "rollout.json": directory / "rollout.json",
        "my_features/subjects/subjects.toml": CONTRACTS / "subjects.toml",
        "my_features/subjects/shop.purchases-value/v1.avsc": CONTRACTS / "shop.purchases-value/v1.avsc",
    }


def test_every_helm_command_renders_and_every_name_that_kubectl_is_given_is_made(
    tools: Path, files: dict[str, Path]
) -> None:
    made = {"externalsecret/shop-settings"}  # of a release that has its secrets from a store
    for command in commands("helm"):
        if "upgrade" in command.words:
            made |= rendered(command, tools, files)
        else:
            assert {"history", "rollback", "uninstall"} & set(command.words)
    for command in commands("kubectl"):
        named = re.findall(r"\b([a-z]+)[/ ](shop-[a-z0-9-]+)", " ".join(command.words))
        assert {f"{kind}/{name}" for kind, name in named if kind != "generic"} <= made | deployments(made), command


def rendered(command: Command, tools: Path, files: dict[str, Path]) -> set[str]:
    """What the command would make, as kind/name."""
    given = (
        re.sub(r"[\w/.-]+\.(?:json|yaml|toml|avsc)$", lambda file: str(files[file[0]]), word) for word in command.words
    )
    words = [word for word in given if word not in {"helm", "upgrade", "--install", "--reuse-values"}]
    words[words.index("helm/headwater")] = str(CHART)
    base = () if "--values" in words else BASE
    helm = (tools / "bin/helm", "template", "--kube-version", KUBERNETES, *words, *base)
    outcome = subprocess.run(helm, check=False, capture_output=True, text=True)
    assert outcome.returncode == 0, (command, outcome.stderr)
    resources = [each for each in yaml.safe_load_all(outcome.stdout) if each]
    return {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in resources}


def deployments(made: set[str]) -> set[str]:
    """The operator makes a Deployment of the same name for the JobManager of each FlinkDeployment."""
    return {each.replace("flinkdeployment/", "deployment/") for each in made}
