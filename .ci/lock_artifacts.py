"""Writes pipelines/stack/artifacts.json: each jar of the local stack with its size and SHA-256.

Run it after changing a version below: `.venv/bin/python .ci/lock_artifacts.py`. Dependencies are
resolved here, once, so that a start of the stack resolves nothing and downloads exactly these bytes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from jgo.maven import Artifact, MavenContext

BROKER = ("org.apache.kafka:kafka_2.13:4.2.0", "org.slf4j:slf4j-simple:1.7.36")
CONNECTOR = ("org.apache.flink", "flink-sql-connector-kafka", "5.0.0-2.2", "", "jar")
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3", "all", "tar.gz")
# Only the container image has it. Of the same minor version as Flink: 2.2.1 was not published.
OBJECT_STORE = ("org.apache.flink", "flink-s3-fs-hadoop", "2.2.0", "", "jar")

# Only `headwater bench peers` has it, for Flink SQL; 2.2.1 was not published.
AVRO_FORMAT = ("org.apache.flink", "flink-sql-avro-confluent-registry", "2.2.0", "", "jar")

OUTPUT = Path(__file__).parent.parent / "pipelines/stack/artifacts.json"


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        maven = MavenContext(repo_cache=Path(scratch), local_repos=[Path.home() / ".m2" / "repository"], timeout=60)
        inputs, transitive = maven.resolver.resolve([maven.create_dependency(each) for each in BROKER])
        lock = {
            "broker": [_entry(dependency.artifact) for dependency in (*inputs, *transitive)],
            "connector": [_entry(_artifact(maven, *CONNECTOR))],
            "registry": [_entry(_artifact(maven, *REGISTRY))],
            "object_store": [_entry(_artifact(maven, *OBJECT_STORE))],
            "avro_format": [_entry(_artifact(maven, *AVRO_FORMAT))],
        }
    OUTPUT.write_text(json.dumps(lock, indent=1) + "\n")


def _artifact(maven: MavenContext, group: str, name: str, version: str, classifier: str, packaging: str) -> Artifact:
    return maven.project(group, name).at_version(version).artifact(classifier, packaging)


def _entry(artifact: Artifact) -> dict[str, str | int]:
    data = artifact.resolve().read_bytes()
    parts = [artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier, artifact.packaging]
    return {"coordinates": ":".join(parts), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


if __name__ == "__main__":
    main()
