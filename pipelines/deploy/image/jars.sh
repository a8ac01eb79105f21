#!/bin/sh
# Fetches with Maven the jars of a compute job that pipelines/stack/artifacts.json names, into the directory given:
# Kafka's connector and Flink's S3 file system. Fails if one has other bytes than its SHA-256 there says.
set -eu
target=$1
locked=pipelines/stack/artifacts.json

mkdir -p "$target"
for part in connector object_store; do
    entry=$(sed -n "/^ \"$part\"/,/^ \]/p" "$locked")
    coordinates=$(echo "$entry" | sed -n 's/.*"coordinates": "\(.*\)::jar",*/\1/p')
    sha256=$(echo "$entry" | sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p')
    mvn --batch-mode --quiet dependency:copy -Dartifact="$coordinates" -DoutputDirectory="$target" -Dmdep.useBaseVersion
    file=$(echo "$coordinates" | awk -F: '{ print $2 "-" $3 ".jar" }')
    echo "$sha256  $target/$file" | sha256sum --check --quiet
done
