#!/bin/sh
# A program on the PATH, such as Flink's jobmanager.sh, runs as it is; everything else is a command of headwater.
set -eu
case ${1:-} in
bash | *.sh) exec "$@" ;;
*) exec headwater "$@" ;;
esac
