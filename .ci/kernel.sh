#!/bin/sh
# Builds the kernel's jar from a copy of its sources, and moves it to the path given.
set -eu
target=$1
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp -R operators/kernel/pom.xml operators/kernel/src "$build/"
echo "building the kernel (the first time Maven fetches about 130 MB)"
mvn --batch-mode --quiet --file "$build/pom.xml" -Dmaven.test.skip=true package >"$build/log" 2>&1 || {
    cat "$build/log" >&2
    exit 1
}
mkdir -p "$(dirname "$target")"
cp "$build/target/headwater-kernel.jar" "$target.part"
mv "$target.part" "$target"
