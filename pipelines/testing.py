"""For the tests of feature views: a declared view in this process, with the Avro files that lie beside it.

::

    from headwater.pipelines.testing import local_view
    from views import customer_purchases

    def test_a_purchase_counts_for_a_minute():
        view = local_view(customer_purchases, '''
            purchased_at          customer_id  amount  item.category
            2026-01-31T12:00:00Z  ann          10.5    BOOKS
        ''')
        assert view.values(at="2026-01-31T12:00:59Z", customer_id="ann")["count_1m"] == 1
        assert view.values(at="2026-01-31T12:01:01Z", customer_id="ann")["count_1m"] == 0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headwater.operators.event_table import Row
from headwater.operators.local import LeftOut, LocalView
from headwater.pipelines.contracts import find_contract
from headwater.schemas.compile import compile_view
from headwater.schemas.view import FeatureView

__all__ = ["LeftOut", "LocalView", "local_view"]


def local_view(
    view: FeatureView,
    events: str | Iterable[Row] = (),
    *,
    topic: str | None = None,
    schemas: Path | Mapping[str, Mapping[str, Any]] | None = None,
) -> LocalView:
    """The view, compiled, with events; more may be added.

    Args:
        view: as it is declared.
        events: a table of events; see `LocalView.add`.
        topic: where the events come from, if the view has several sources.
        schemas: where the Avro files are, by default beside the file that declares the view or in the directory
            above; or the Avro schemas themselves, by topic.

    Raises:
        DeclarationError: with every mistake in the view.
        ContractError: there is no Avro file for one of its topics.
        EventTableError: a row does not fit its topic's schema.
    """
    if not isinstance(schemas, Mapping):
        roots = [schemas] if schemas else [view.file.parent, view.file.parent.parent]
        schemas = {source.topic: find_contract(source.subject_name, roots).newest for source in view.event_sources}
    local = LocalView(compile_view(view, [schemas[source.topic] for source in view.event_sources]), schemas)
    local.add(events, topic)
    return local
