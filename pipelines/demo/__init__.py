"""The shop, live: purchases flow through the whole pipeline for a minute, then both stores are checked."""

from headwater.pipelines.demo.run import run

__all__ = ["run"]
