"""Runs one case again: python -m tests.properties.replay '<the case as JSON>'"""

from __future__ import annotations

import sys

from tests.properties.cases import Case
from tests.properties.harness import KernelHarness
from tests.properties.workers import failure_of, told


def main() -> int:
    """Prints what fails, as small as it can be made."""
    case = Case.from_json(sys.argv[1])
    kernel = KernelHarness()
    try:
        first = failure_of(case, kernel)
        print("it passes" if first is None else told(case, kernel, first))
    finally:
        kernel.close()
    return 0 if first is None else 1


if __name__ == "__main__":
    sys.exit(main())
