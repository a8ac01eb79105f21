#!/bin/sh
# Makes .venv: what requirements.lock names, checked by hash, and this checkout as an editable package.
set -eu
cd "$(dirname "$0")/.."
. .ci/python.sh
find_python

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f .venv/.installed
echo "installing $(grep -c '^[a-z0-9].*==' requirements.lock) locked packages into .venv (1.3 GB; a minute or two)"
# As a constraint the lock also holds for what pip needs to build the few packages that are source only.
PIP_CONSTRAINT=requirements.lock .venv/bin/python -m pip install \
    --quiet --no-input --disable-pip-version-check --require-hashes --requirement requirements.lock
.venv/bin/python -m pip install \
    --quiet --no-input --disable-pip-version-check --no-deps --no-build-isolation --editable .
touch .venv/.installed
