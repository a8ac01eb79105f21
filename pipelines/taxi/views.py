"""What a taxi company knows of its drivers, from two topics, and of its riders, from each stop of their rides."""

from headwater.schemas import (
    EventSource,
    FeatureView,
    between,
    count_events,
    counts_of,
    decayed_count,
    distinct_of,
    expect,
    fresh_reads,
    fresh_within,
    last_n_of,
    lifetime,
    mean_of,
    quantile_of,
    ratio_of,
    session,
    sliding,
    sum_of,
    top_k_of,
    tumbling,
    vector_mean_of,
)

TODAY = tumbling("day", zone="Europe/Berlin")
YESTERDAY = tumbling("day", zone="Europe/Berlin", complete=True)
WEEK_BEFORE = sliding("7d", offset="7d")

rides = EventSource(
    topic="taxi.rides",
    key="driver_id",
    event_time="ended_at",
    event_id="ride_id",
    where="status != 'TEST'",
    columns={
        "ridden": "minutes > 0",
        "cancelled": None,
        "earned": "tip == null ? fare : fare + tip",
    },
    expect=[
        between("fare", 0, 1000, action="dead_letter"),
        expect("tip <= fare", name="tip_is_plausible"),
        fresh_within("1h"),
    ],
)
cancellations = EventSource(
    topic="taxi.cancellations",
    key="driver",
    event_time="at",
    event_id="order_id",
    columns={"ridden": None, "cancelled": "by == 'DRIVER'", "earned": None, "minutes": None},
)

driver_week = FeatureView(
    name="driver_week",
    sources=[rides, cancellations],
    entity="driver_id",
    features=[
        count_events(where="ridden", over=[TODAY, YESTERDAY, "7d", WEEK_BEFORE], name="rides"),
        sum_of("earned", over=[TODAY, "7d", WEEK_BEFORE]),
        count_events(where="ridden", over=session("2h"), name="rides_of_shift"),
        quantile_of("minutes", at=[0.5, 0.9], over="7d"),
        count_events(where="cancelled", over="7d", name="cancelled"),
        ratio_of("cancelled_7d", "rides_7d", name="cancelled_share"),
    ],
    objectives=[fresh_reads("99%", within="30s", over="28d")],
    owner="drivers@taxi.example",
    domain="mobility",
    description="How busy and how reliable a driver is.",
)

stops = EventSource(
    topic="taxi.rides",
    key="rider_id",
    event_time="ended_at",
    explode="stops",
    where="status == 'PAID'",
)

rider_stops = FeatureView(
    name="rider_stops",
    source=stops,
    features=[
        top_k_of("stops.district", 3, over="30d", name="districts"),
        counts_of("stops.district", over=lifetime(), limit=50, name="districts"),
        distinct_of("stops.district", over="30d", name="districts_seen"),
        last_n_of("stops.district", 2, over="30d", name="last_districts"),
        mean_of("stops.waited_seconds", where="stops.waited_seconds > 0", over="30d", name="wait"),
        decayed_count(half_life="7d", over="30d"),
        vector_mean_of("taste", dimensions=4, over="30d"),
    ],
    owner="riders@taxi.example",
    domain="mobility",
    description="Where a rider goes, and how long drivers wait there.",
)
