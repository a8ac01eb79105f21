"""The view that `headwater chaos` breaks things under: windows of every kind, conditions, event ids, a compound key."""

from headwater.schemas import (
    EventSource,
    FeatureView,
    count_events,
    distinct_of,
    last_of,
    max_of,
    mean_of,
    session,
    sliding,
    stddev_of,
    sum_of,
    tumbling,
)

rides = EventSource(
    topic="chaos.rides",
    key=["driver", "city.id"],
    event_time="ended",
    event_id="ride",
    where="tariff != 'TEST'",
    allowed_skew="10s",
)

driver_rides = FeatureView(
    name="driver_rides",
    source=rides,
    entity=["driver", "city_id"],
    features=[
        count_events(
            over=["30s", "10m", sliding("10m", offset="10m"), tumbling("hour"), session("1m", longest="1h")],
        ),
        count_events(where="fare > 50.0", over=["30s", "1h"], name="dear"),
        sum_of("fare", over=["30s", "10m"]),
        sum_of("stops", over="1h"),
        mean_of("fare", where="stops > 2", over="10m", name="long_ride_fare"),
        stddev_of("fare", over="1h"),
        max_of("stops", over=session("1m", longest="1h")),
        last_of("fare", over="10m"),
        distinct_of("passenger", over="1h"),
    ],
    owner="headwater chaos",
    description="What a driver has done in the last hour.",
    freshness="5s",
)
