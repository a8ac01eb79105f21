"""The views of the taxi company, on tables of events: `headwater test pipelines/taxi`."""

from __future__ import annotations

from headwater.operators.local import LocalView
from headwater.pipelines.taxi.views import driver_week, rider_stops
from headwater.pipelines.testing import local_view
from headwater.schemas.dead_letter import Reason

RIDES = """
    ride_id                               driver_id  rider_id  ended_at              fare   tip  minutes  status
    00000000-0000-0000-0000-000000000001  7          ann       2026-03-27T22:30:00Z  12.50  -    20       PAID
    00000000-0000-0000-0000-000000000002  7          bo        2026-03-28T23:30:00Z  8.00   1.0  10       PAID
    00000000-0000-0000-0000-000000000003  7          ann       2026-03-29T00:15:00Z  9.00   2.0  12       DISPUTED
    00000000-0000-0000-0000-000000000003  7          ann       2026-03-29T00:15:00Z  9.00   2.0  12       DISPUTED
    00000000-0000-0000-0000-000000000004  7          ann       2026-03-29T00:20:00Z  99.00  -    1        TEST
"""
CANCELLATIONS = """
    order_id                              driver  at                    by
    00000000-0000-0000-0000-000000000005  7       2026-03-29T09:00:00Z  DRIVER
    00000000-0000-0000-0000-000000000006  7       2026-03-29T09:05:00Z  RIDER
"""
STOPS = """
    rider_id  ended_at              status  taste                   stops
    ann       2026-03-27T10:00:00Z  PAID    '[1.0, 0.0, 0.0, 2.0]'  '[{"district": "Mitte", "waited_seconds": 30}]'
    ann       2026-03-28T10:00:00Z  PAID    '[0.0, 0.0, 0.0, 2.0]'  '[{"district": "Wedding", "waited_seconds": 0},
                                                                      {"district": "Mitte", "waited_seconds": 90}]'
    ann       2026-03-28T11:00:00Z  TEST    '[9.0, 9.0, 9.0, 9.0]'  '[{"district": "Dahlem", "waited_seconds": 5}]'
"""


def drivers() -> LocalView:
    view = local_view(driver_week, RIDES, topic="taxi.rides")
    view.add(CANCELLATIONS, topic="taxi.cancellations")
    return view


def test_a_day_is_cut_at_midnight_in_berlin_also_when_the_clocks_change() -> None:
    # Berlin goes from +01:00 to +02:00 on 29 March at 01:00 UTC: the day starts at 23:00 UTC and ends at 22:00.
    before, after = (drivers().values(at=f"2026-03-29T{time}Z", driver_id=7) for time in ("21:59:59", "22:00:01"))
    assert (before["rides_this_day_europe_berlin"], before["rides_last_day_europe_berlin"]) == (2, 0)
    assert (after["rides_this_day_europe_berlin"], after["rides_last_day_europe_berlin"]) == (0, 2)


def test_copies_of_a_ride_and_test_rides_do_not_count() -> None:
    values = drivers().values(at="2026-03-29T08:00:00Z", driver_id=7)
    assert (values["rides_7d"], values["earned_sum_7d"]) == (3, 12.5 + 9.0 + 11.0)


def test_a_share_is_of_two_topics() -> None:
    values = drivers().values(at="2026-03-29T10:00:00Z", driver_id=7)
    assert (values["cancelled_7d"], values["cancelled_share"]) == (1, 1 / 3)


def test_a_shift_ends_after_two_hours_without_an_event() -> None:
    view = drivers()
    assert view.values(at="2026-03-29T00:15:00Z", driver_id=7)["rides_of_shift_session_2h"] == 2
    assert view.values(at="2026-03-29T03:00:00Z", driver_id=7)["rides_of_shift_session_2h"] == 0


def test_a_week_later_it_is_the_week_before() -> None:
    values = drivers().values(at="2026-04-05T12:00:00Z", driver_id=7)
    assert (values["rides_7d"], values["rides_7d_offset_7d"]) == (0, 3)


def test_each_stop_of_a_paid_ride_is_an_event() -> None:
    values = local_view(rider_stops, STOPS).values(at="2026-03-28T12:00:00Z", rider_id="ann")
    assert values["districts_30d"] == {"Mitte": 2, "Wedding": 1}
    assert values["last_districts_30d"] == ["Wedding", "Mitte"]
    assert (values["districts_seen_30d"], values["wait_30d"]) == (2, 60.0)


def test_a_vector_of_the_wrong_length_is_refused() -> None:
    view = local_view(rider_stops, STOPS.replace("[9.0, 9.0, 9.0, 9.0]", "[9.0]").replace("TEST", "PAID"))
    assert [left_out.reason for left_out in view.rejected] == [Reason.MALFORMED]


def test_a_ride_of_more_than_a_thousand_euros_is_put_aside_and_an_implausible_tip_only_counted() -> None:
    dear = RIDES.replace("99.00  -    1        TEST", "1000.01 -   1        PAID").replace("8.00   1.0", "8.00   9.0")
    view = local_view(driver_week, dear, topic="taxi.rides")
    assert [(each.reason, each.event["fare"]) for each in view.rejected] == [(Reason.EXPECTATION_FAILED, "1000.01")]
    assert view.rejected[0].detail.startswith("not met: fare_between (")
    assert view.unmet == {"fare_between": 1, "tip_is_plausible": 1}
    assert view.values(at="2026-03-29T08:00:00Z", driver_id=7)["rides_7d"] == 3
