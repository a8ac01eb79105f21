# Sourced: find_python sets $python to a Python 3.11, or fails.
find_python() {
    for python in "${PYTHON:-python3.11}" python3.11 python3 python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}
