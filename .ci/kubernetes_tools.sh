#!/bin/sh
# Prints a directory of what the chart's and compose's tests need, and fills it first if it is new: helm, kubeconform and
# helm-unittest, built by Go (some minutes, once), and in schemas/ what their makers publish of resources and of compose.
set -eu
cd "$(dirname "$0")/.."
for tool in go mvn unzip; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "missing: $tool; install it (Go from 1.24 on, Maven, unzip), or leave out tests/more/test_chart.py" >&2
        exit 1
    }
done

helm=v3.19.0
kubeconform=v0.6.7
helm_unittest=v1.0.0
prometheus_operator=v0.85.0
external_secrets=v0.19.2
keda=v2.17.2
compose=v2.6.0
flink_operator=1.10.0
# Raised when something else is taken of these.
contents=2

# Another version is another directory.
key=$(sed -n '/^[a-z_]*=v*[0-9]/p' "$0" | cksum | tr -c '0-9\n' -)
target=${HEADWATER_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/headwater}/kubernetes-tools-${key%-}
if [ ! -e "$target" ]; then
    echo "building helm, kubeconform and helm-unittest (some minutes, once)" >&2
    mkdir -p "$(dirname "$target")"
    part=$(mktemp -d "$target.part.XXXXXX")
    trap 'chmod -R u+w "$part" 2>/dev/null; rm -rf "$part"' EXIT
    for program in \
        "helm.sh/helm/v3/cmd/helm@$helm" \
        "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform" \
        "github.com/helm-unittest/helm-unittest/cmd/helm-unittest@$helm_unittest"; do
        GOBIN=$part/bin go install "$program" >&2
    done

    mkdir "$part/schemas"
    module() { # prints the directory of a Go module
        (cd "$part" && GOFLAGS=-mod=mod go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    }
    prometheus_crds=$(module "github.com/prometheus-operator/prometheus-operator@$prometheus_operator")/example/prometheus-operator-crd
    cp "$prometheus_crds"/*_podmonitors.yaml "$prometheus_crds"/*_prometheusrules.yaml \
        "$(module "github.com/external-secrets/external-secrets@$external_secrets")"/config/crds/bases/*_externalsecrets.yaml \
        "$(module "github.com/kedacore/keda/v2@$keda")"/config/crd/bases/keda.sh_scaledobjects.yaml \
        "$(module "github.com/compose-spec/compose-go/v2@$compose")"/schema/compose-spec.json \
        "$part/schemas/"
    mvn --batch-mode --quiet dependency:copy -DoutputDirectory="$part" \
        -Dartifact="org.apache.flink:flink-kubernetes-operator-api:$flink_operator" >&2
    unzip -q -j "$part/flink-kubernetes-operator-api-$flink_operator.jar" \
        META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml -d "$part/schemas"
    rm "$part"/*.jar
    chmod -R u+w "$part"
    chmod 755 "$part"
    mv "$part" "$target"
    trap - EXIT
fi
echo "$target"
