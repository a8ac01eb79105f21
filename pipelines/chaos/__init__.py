"""Breaks the whole pipeline in every way that it must survive, and compares what is left with the reference."""

from headwater.pipelines.chaos.faults import FAULTS, schedule
from headwater.pipelines.chaos.report import markdown, read_figures
from headwater.pipelines.chaos.run import ChaosOptions, Told, run
from headwater.pipelines.chaos.verdict import ChaosVerdict, Survived

__all__ = ["FAULTS", "ChaosOptions", "ChaosVerdict", "Survived", "Told", "markdown", "read_figures", "run", "schedule"]
