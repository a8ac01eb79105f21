#!/bin/sh
# A program on the PATH, such as Flink's jobmanager.sh, runs as it is; everything else is a command of headwater.
set -eu
if [ -n "${FLINK_CONF_EXTRA_FILE:-}" ]; then
    # Flink takes passwords from its configuration alone, which lies open on Kubernetes: they are added to a copy.
    copy=$(mktemp -d)
    cp -rL "${FLINK_CONF_DIR:-$FLINK_HOME/conf}/." "$copy"
    { echo && cat "$FLINK_CONF_EXTRA_FILE"; } >>"$copy/config.yaml"
    export FLINK_CONF_DIR="$copy"
fi
case ${1:-} in
bash | *.sh) exec "$@" ;;
*) exec headwater "$@" ;;
esac
