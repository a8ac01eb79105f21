#!/bin/sh
# Says, one line each, what this machine lacks for `make`, and what to do about it; nothing was downloaded yet.
set -u
cd "$(dirname "$0")/.."

lacking=0
lack() {
    echo "missing: $1" >&2
    lacking=1
}

. .ci/python.sh
if [ ! -e .venv/.installed ]; then
    least_disk_gb=5
    if ! find_python; then
        lack "Python 3.11; install it (Debian: apt-get install python3.11 python3.11-venv), or set PYTHON to its path"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        lack "the venv module of $python; install it (Debian: apt-get install python3.11-venv)"
    fi
else
    least_disk_gb=2
fi

java_version() { # of a javac: 8 (which calls itself 1.8), 17, 21, ...
    "$1" -version 2>&1 | sed -n 's/^javac \(1\.\)\{0,1\}\([0-9]*\).*/\2/p'
}

jar=operators/lib/headwater-kernel.jar
if [ ! -e "$jar" ] || [ -n "$(find operators/kernel/src/main operators/kernel/pom.xml -newer "$jar")" ]; then
    if [ -n "${JAVA_HOME:-}" ]; then
        if [ ! -x "$JAVA_HOME/bin/javac" ]; then
            lack "a JDK at JAVA_HOME=$JAVA_HOME; set JAVA_HOME to a JDK of version 17 or later, or unset it"
        elif [ "$(java_version "$JAVA_HOME/bin/javac")" -lt 17 ] 2>/dev/null; then
            lack "a newer JDK at JAVA_HOME=$JAVA_HOME, which is $(java_version "$JAVA_HOME/bin/javac"); set it to 17 or later, or unset it"
        fi
    elif ! command -v javac >/dev/null 2>&1; then
        lack "a JDK of version 17 or later (javac); install it (Debian: apt-get install openjdk-17-jdk-headless)"
    elif [ "$(java_version javac)" -lt 17 ] 2>/dev/null; then
        lack "a newer JDK: javac is $(java_version javac); install 17 or later (Debian: apt-get install openjdk-17-jdk-headless)"
    fi
    command -v mvn >/dev/null 2>&1 || lack "Maven (mvn); install it (Debian: apt-get install maven)"
fi

free_disk_gb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
if [ "$free_disk_gb" -lt "$least_disk_gb" ]; then
    lack "disk: $free_disk_gb GB are free here; make room for $least_disk_gb GB"
fi
if [ -r /proc/meminfo ]; then
    free_memory_mb=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    if [ "$free_memory_mb" -lt 3072 ]; then
        lack "memory: $free_memory_mb MB are free; close something until 3 GB are"
    fi
fi
exit $lacking
