"""Purchases as a shop might have them: a few customers buy much, some events come late, a seed decides all."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from fastavro import parse_schema, schemaless_writer

from headwater.pipelines.contracts import BUNDLED, find_contract

SUBJECT = "shop.purchases-value"
TOPIC = "shop.purchases"

_CATEGORIES = ("BOOKS", "FOOD", "GARDEN", "MUSIC", "TOYS")
_ZIPF_EXPONENT = 1.1
_OUT_OF_ORDER_SHARE = 0.05
_OUT_OF_ORDER_MS = 300
_LATE_SHARE = 0.003
_LATE_MS = 1_800_000


@dataclass(frozen=True, slots=True)
class Purchase:
    """One event: who bought, when by the shop's clock, and the event's Confluent-framed bytes."""

    customer_id: str
    purchased_at_ms: int
    value: bytes


class Purchases:
    """A seeded stream of purchases of this many customers, Zipf-distributed."""

    def __init__(self, seed: int, customers: int, schema_id: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - an example, no secret
        self._customers = [f"customer-{number:05d}" for number in range(1, customers + 1)]
        self._weights = list(accumulate(1 / rank**_ZIPF_EXPONENT for rank in range(1, customers + 1)))
        self._schema: Any = parse_schema(find_contract(SUBJECT, [BUNDLED]).newest)
        self._frame = struct.pack(">bI", 0, schema_id)
        self._count = 0

    def history(self, count: int, from_ms: int, to_ms: int) -> Iterator[Purchase]:
        """Purchases that happened evenly between two times, in their order."""
        for number in range(count):
            yield self._purchase(from_ms + (to_ms - from_ms) * number // count)

    def live(self, now_ms: int) -> Purchase:
        """A purchase of this moment; some are told of a little later than others, a few half an hour later."""
        chance = self._random.random()
        if chance < _LATE_SHARE:
            now_ms -= self._random.randrange(_LATE_MS)
        elif chance < _LATE_SHARE + _OUT_OF_ORDER_SHARE:
            now_ms -= self._random.randrange(_OUT_OF_ORDER_MS)
        return self._purchase(now_ms)

    def _purchase(self, at_ms: int) -> Purchase:
        chance = self._random
        (customer,) = chance.choices(self._customers, cum_weights=self._weights)
        self._count += 1
        buffer = io.BytesIO()
        buffer.write(self._frame)
        schemaless_writer(
            buffer,
            self._schema,
            {
                "purchase_id": f"p{self._count:09d}",
                "customer_id": customer,
                "purchased_at": at_ms,
                "amount": round(chance.lognormvariate(3, 1), 2),
                "quantity": chance.randint(1, 5),
                "discount": chance.choice((None, None, 0.1, 0.25)),
                "item": {"sku": f"sku-{chance.randrange(5000)}", "category": chance.choice(_CATEGORIES)},
            },
        )
        return Purchase(customer, at_ms, buffer.getvalue())
