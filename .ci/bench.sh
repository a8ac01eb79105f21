#!/bin/sh
# Measures everything once, at sizes for two cores that nothing else uses, and writes the pages of results
# and capacities. The figures are those of this machine: nothing else should run on it. `.ci/bench.sh NAME...` measures
# only some again.
set -eu
cd "$(dirname "$0")/.."
results=pipelines/bench/results
mkdir -p "$results"

measure() {
    name=$1
    shift
    if [ -n "$wanted" ] && ! echo " $wanted " | grep -q " $name "; then return; fi
    echo "== headwater bench $*"
    .venv/bin/headwater bench "$@" --json "$results/$name.json" || failed="$failed $name"
}

wanted=$*
failed=
measure drain drain --windows 5 --drawn zipf --events 2000000 --repeats 3
measure drain-uniform drain --windows 5 --drawn uniform --keys 1000000 --events 1500000 --heap 3072 --repeats 2
measure drain-windows drain --windows 1,20 --drawn zipf --events 1000000 --repeats 3
measure drain-rocksdb drain --windows 5 --drawn zipf --state rocksdb --checkpoint 30s --events 500000 --repeats 1
measure freshness freshness --rate 20000 --seconds 70 --checkpoints 1s,60s --plot "$results/freshness.png"
measure freshness-at-once freshness --rate 20000 --seconds 30 --checkpoints 10s --emission 0ms
measure freshness-kill freshness --rate 10000 --seconds 40 --checkpoints 10s --kill --plot "$results/freshness-kill.png"
measure online online --rows 500000 --repeats 2
measure archive archive --rows 1000000 --repeats 2
measure scale scale --events 1000000 --keys 1000000 --repeats 2
measure flink-sql peers --only "Flink SQL" --windows 1,5 --repeats 2
measure pyflink peers --only "PyFlink operator" --python-events 100000 --windows 1,5 --repeats 2
measure processors peers --only "Quix Streams" --only Bytewax --only Pathway --python-events 30000 --windows 1 --repeats 2
.venv/bin/headwater bench report "$results"/*.json --out pipelines/bench/results.md --capacity pipelines/bench/capacity.md
if [ -n "$failed" ]; then
    echo "not measured:$failed" >&2
    exit 1
fi
