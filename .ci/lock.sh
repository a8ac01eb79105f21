#!/bin/sh
# Writes requirements.lock from pyproject.toml, everything that `make` installs, and requirements-image.lock, what the
# container image holds of it: with hashes, without any index.
# Versions stay as they are locked, as far as pyproject.toml lets them; `.ci/lock.sh --upgrade` takes the newest.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3.11 -m venv "$tools"
"$tools/bin/pip" install --quiet uv
compile() {
    "$tools/bin/uv" pip compile pyproject.toml --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --quiet --custom-compile-command .ci/lock.sh "$@"
}
compile --extra local --group dev --output-file requirements.lock "$@"
# What the image holds: a part of the above, in the same versions.
compile --extra image --constraint requirements.lock --output-file requirements-image.lock
