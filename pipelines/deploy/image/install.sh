#!/bin/sh
# Installs everything that the image runs into the directory given: install.sh DIRECTORY JARS
# A virtual environment with the packages of requirements-image.lock, checked by hash, and Headwater's wheel; and in it
# Flink, with the jars of compute jobs on its classpath. Nothing is compiled later, and no build tool is left in it.
set -eu
directory=$1
jars=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3.11 -m venv "$scratch/tools"
python3.11 -m venv --without-pip "$directory"
# Without a cache: nothing that was built elsewhere and otherwise gets in.
pip() {
    "$scratch/tools/bin/python" -m pip --quiet --no-input --no-cache-dir --disable-pip-version-check "$@"
}

# What builds the few packages that are source only, and Headwater's own wheel, is locked as well.
awk '/^(build|packaging|pyproject-hooks|setuptools|wheel)==/ { locked = 1 } locked { print } !/\\$/ { locked = 0 }' \
    requirements.lock >"$scratch/tools.lock"
pip install --require-hashes --no-deps --requirement "$scratch/tools.lock"
# One of them is compiled. Symbols for a debugger would say in which directory, which is another one each time.
export CFLAGS=-g0
pip wheel --require-hashes --no-deps --no-build-isolation --wheel-dir "$scratch/wheels" \
    --requirement requirements-image.lock
pip wheel --no-deps --no-build-isolation --wheel-dir "$scratch/wheels" .
# By name: of a wheel that is given as a file, pip notes the path, which is another one each time.
sed -n 's/^\([a-z0-9._-]*==[^ ]*\).*/\1/p' requirements-image.lock >"$scratch/names"
pip --python "$directory/bin/python" install --no-index --find-links "$scratch/wheels" --no-deps --no-compile \
    --requirement "$scratch/names" headwater
"$directory/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$directory/lib"

packages=$directory/lib/python3.11/site-packages
flink=$packages/pyflink
mkdir -p "$directory/cache/artifacts" "$flink/plugins/s3-fs-hadoop"
cp "$jars"/flink-sql-connector-kafka-*.jar "$directory/cache/artifacts/"
cp "$jars"/flink-s3-fs-hadoop-*.jar "$flink/plugins/s3-fs-hadoop/"
# Where Flink has them once and for all, instead of loading them anew with each start of a job.
ln -s "$packages/headwater/operators/lib/headwater-kernel.jar" "$flink/lib/"
ln -s "$directory/cache/artifacts/"flink-sql-connector-kafka-*.jar "$flink/lib/"
mkdir -p "$flink/log"
