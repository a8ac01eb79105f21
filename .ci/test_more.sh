#!/bin/sh
# Tests that need more than `make test`: Debian's Redis, Prometheus and Chromium, time, an empty machine for the wheel and the
# image, Go for the chart. A skipped test is a failure.
set -eu
cd "$(dirname "$0")/.."

as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"

# In Debian the server is a link to a program of redis-tools; the package redis-server would also start a service.
if [ ! -x /usr/bin/redis-check-rdb ] || [ ! -e /usr/share/i18n/locales/en_US ]; then
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-tools locales >/dev/null
fi
mkdir -p build
ln -sfn /usr/bin/redis-check-rdb build/redis-server
HEADWATER_REDIS_SERVER=$PWD/build/redis-server
PATH=$PWD/build:$PATH
export HEADWATER_REDIS_SERVER PATH
echo "the online store's and the secure stack's tests with $("$HEADWATER_REDIS_SERVER" --version)"
.venv/bin/python -m pytest --no-skips -n 2 --dist loadfile -m 'not nightly' tests/integration/test_online_*.py tests/integration/test_secure_stack.py

unset HEADWATER_REDIS_SERVER
# A file's tests stay together: each of the two workers has a broker, registry, Redis and cluster of its own.
.venv/bin/python -m pytest --no-skips -n 2 --dist loadfile -m 'slow and not nightly' tests/integration

# Unpacked rather than installed: the package would start a service.
if [ ! -x build/prometheus/usr/bin/promtool ]; then
    rm -rf build/prometheus && mkdir -p build/prometheus
    $as_root apt-get update -qq
    (cd build/prometheus && apt-get download -qq prometheus && dpkg-deb --extract prometheus_*.deb .)
fi
if [ ! -x /usr/bin/chromium ]; then
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
HEADWATER_PROMTOOL=$PWD/build/prometheus/usr/bin/promtool
HEADWATER_PROMETHEUS=$PWD/build/prometheus/usr/bin/prometheus
export HEADWATER_PROMTOOL HEADWATER_PROMETHEUS
.ci/kubernetes_tools.sh >/dev/null  # here, since both workers would build them
.venv/bin/python -m pytest --no-skips -n 2 --dist loadfile --ignore tests/more/test_prometheus.py tests/more
# Alone: it stops processes for a time and looks whether that is told, and that nothing else is.
.venv/bin/python -m pytest --no-skips tests/more/test_prometheus.py
