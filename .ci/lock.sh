#!/bin/sh
# Writes requirements.lock from pyproject.toml: everything that `make` installs, with hashes, without any index.
# Versions stay as they are locked, as far as pyproject.toml lets them; `.ci/lock.sh --upgrade` takes the newest.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3.11 -m venv "$tools"
"$tools/bin/pip" install --quiet uv
"$tools/bin/uv" pip compile pyproject.toml --extra local --group dev --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
    --custom-compile-command .ci/lock.sh --output-file requirements.lock "$@"
