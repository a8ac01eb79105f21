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

locked_install() {
    .venv/bin/python -m pip install \
        --quiet --no-input --disable-pip-version-check --require-hashes --no-build-isolation --no-deps --requirement "$1"
}

echo "installing $(grep -c '^[a-z0-9].*==' requirements.lock) locked packages into .venv (1.3 GB; a minute or two)"
# A few packages are source only. What builds them comes first and is locked too: left to itself, pip fetches whatever
# is newest for that, and the lock as a constraint makes some versions of pip refuse instead.
build_tools=$(mktemp)
trap 'rm -f "$build_tools"' EXIT
awk '/^(packaging|setuptools|wheel)==/ { locked = 1 } locked { print } !/\\$/ { locked = 0 }' requirements.lock >"$build_tools"
locked_install "$build_tools"
locked_install requirements.lock
.venv/bin/python -m pip install \
    --quiet --no-input --disable-pip-version-check --no-deps --no-build-isolation --editable .
touch .venv/.installed
