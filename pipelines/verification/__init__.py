"""Compares what stands in both stores with the reference over the event topic.

It reads the topic, the feature log, the dead letters, Redis and the Parquet files itself and shares nothing with the
processes that wrote them but the formats.
"""

from headwater.pipelines.verification.verdict import Verdict, verify

__all__ = ["Verdict", "verify"]
