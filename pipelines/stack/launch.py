"""Becomes another program that dies with its parent: `python launch.py PROGRAM ARGUMENT...`.

Run as a file, in a Python without site packages, so that it costs some ten milliseconds. The kernel
kills the program when its parent is gone, even if that was killed itself, so nothing is orphaned.
Where the kernel cannot (not Linux), the program merely runs; `headwater down` finds it by its pid.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
