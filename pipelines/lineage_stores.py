"""How lineage names the places where a view's features are, as OpenLineage names data sets."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from headwater.pipelines.online_store import address
from headwater.pipelines.settings import Settings
from headwater.schemas.plan import Plan


class Store(NamedTuple):
    """A data set: where it is, and its name there."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return self.name if self.namespace == "file" else f"{self.namespace}/{self.name}"


def stores_of(settings: Settings, plan: Plan) -> list[Store]:
    """The feature log, the online store and the offline table of a view, without credentials."""
    online = urlsplit(address(settings.redis_url))
    table = f"{plan.view}/g{plan.generation}"
    root = urlsplit(settings.offline_root)
    if root.scheme:
        offline = Store(f"{root.scheme}://{root.netloc}", f"{root.path.strip('/')}/{table}".strip("/"))
    else:
        offline = Store("file", str(Path(settings.offline_root).absolute() / table))
    return [
        Store(broker_of(settings), plan.log.topic),
        Store(f"{online.scheme}://{online.netloc}", f"{online.path.strip('/') or '0'}/{plan.view}"),
        offline,
    ]


def broker_of(settings: Settings) -> str:
    """The first of the brokers, as a namespace."""
    return f"kafka://{settings.kafka_bootstrap_servers.partition(',')[0]}"
