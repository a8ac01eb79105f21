"""What the tests of the chart share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.dockerfile import ROOT


@pytest.fixture(scope="session")
def tools() -> Path:
    """Where helm, kubeconform and helm-unittest are, built if need be."""
    built = subprocess.run((ROOT / ".ci/kubernetes_tools.sh",), check=True, stdout=subprocess.PIPE, text=True)
    return Path(built.stdout.strip())
