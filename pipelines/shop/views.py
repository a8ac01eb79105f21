"""What the shop knows of its customers, from their purchases."""

from headwater.schemas import (
    EventSource,
    FeatureView,
    accepted_events,
    agreeing_reads,
    count_events,
    fresh_reads,
    last_of,
    max_of,
    mean_of,
    stddev_of,
    sum_of,
)

purchases = EventSource(
    topic="shop.purchases",
    key="customer_id",
    event_time="purchased_at",
    allowed_skew="10s",
)

WINDOWS = ["1m", "5m", "1h", "6h", "24h"]

customer_purchases = FeatureView(
    name="customer_purchases",
    source=purchases,
    features=[
        count_events(over=WINDOWS),
        sum_of("amount", over=WINDOWS),
        mean_of("amount", over=WINDOWS),
        max_of("amount", over=WINDOWS),
        stddev_of("amount", over=WINDOWS),
        last_of("item.category", over=WINDOWS, name="last_category"),
    ],
    owner="growth@shop.example",
    domain="growth",
    description="What a customer has bought lately.",
    freshness="5s",
    objectives=[
        fresh_reads("99.5%", over="30d"),
        accepted_events("99.9%", over="30d"),
        agreeing_reads("99.99%", over="30d"),
    ],
)
