"""What is counted day by day: how calls went, and how many orders were placed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from domain import calendar
from domain.db import db, utc_now
from domain.monitoring import call_counters, call_stats, order_stats
from domain.monitoring.order_stats import Orders
from domain.orders.models import Attempt, Order, OrderState
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, working_section

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def calls_took(*seconds: float, ended_at: datetime = NOON) -> None:
    """So many poems, each made in so many seconds."""
    for each in seconds:
        order = place_order()
        run(order)
        db.session.execute(
            update(Attempt)
            .where(Attempt.stage_id == order.stages[0].id)
            .values(started_at=ended_at - timedelta(seconds=each), ended_at=ended_at)
        )
    db.session.commit()


def placed_at(*moments: datetime) -> list[int]:
    ids = []
    for moment in moments:
        order = place_order()
        order.created_at = moment
        ids.append(order.id)
        db.session.commit()
    return ids


def give(order_id: int, state: OrderState) -> None:
    db.session.execute(update(Order).where(Order.id == order_id).values(state=state))
    db.session.commit()


def test_times_are_known_by_kind_of_work_and_day() -> None:
    working_section()
    calls_took(*[7] * 8, 50, 50)
    calls_took(0.3, ended_at=NOON - DAY)
    call_counters.count_up()

    days = call_stats.since(NOON.date())

    assert set(days.times) == {StageType.POEM}
    assert set(days.times[StageType.POEM]) == {NOON.date()}
    times = days.times[StageType.POEM][NOON.date()]
    assert times.works == 10
    assert 5 < times.median <= 10
    assert 30 < times.most <= 60
    assert call_stats.since(NOON.date() - DAY).overall[StageType.POEM].works == 11


def test_what_is_counted_twice_adds_up_and_nothing_is_counted_twice() -> None:
    working_section()
    calls_took(1)
    call_counters.count_up()
    calls_took(1, 1)
    call_counters.count_up()
    call_counters.count_up()

    assert call_stats.since(NOON.date()).overall[StageType.POEM].works == 3


def test_a_time_longer_than_all_bounds_counts_as_the_longest() -> None:
    working_section()
    calls_took(7200)
    call_counters.count_up()

    assert call_stats.since(NOON.date()).overall[StageType.POEM].median == call_stats.BOUNDS[-1]


def test_failures_are_known_by_provider_with_their_reasons() -> None:
    working_section()
    for details in ("", "!refused", "!unavailable", "!unavailable"):
        run(place_order(details=details))
    call_counters.count_up()

    failures = call_stats.since(utc_now().date()).failures

    assert set(failures) == {ProviderKind.DUMMY}
    assert (failures[ProviderKind.DUMMY].calls, failures[ProviderKind.DUMMY].failed) == (4, 3)
    assert failures[ProviderKind.DUMMY].reasons == [("unavailable", 2), ("request_refused", 1)]


def test_orders_are_counted_by_the_day_they_were_placed_on_and_by_what_became_of_them() -> None:
    ids = placed_at(NOON - 3 * DAY, NOON - DAY, NOON - DAY, NOON, NOON, NOON)
    for order_id, state in zip(ids, ["done", "done", "failed", "done", "waiting", "failed"], strict=True):
        give(order_id, OrderState(state))
    before = order_stats.since(NOON.date(), NOON.date() - DAY)
    while order_stats.count_up(NOON + DAY):
        pass

    for found in (before, order_stats.since(NOON.date(), NOON.date() - DAY)):
        assert [(each.placed, each.done, each.failed, each.unfinished) for each in found] == [
            (3, 1, 1, 1),
            (5, 2, 2, 1),
        ]
    assert order_stats.since(NOON.date() + DAY) == [Orders(0, 0, 0)]


def test_an_order_that_may_have_older_neighbours_still_to_come_is_not_counted_for_good() -> None:
    placed_at(NOON - timedelta(seconds=61), NOON - timedelta(seconds=59))

    assert [order_stats.count_up(NOON) for _ in range(2)] == [1, 0]
    assert order_stats.since(NOON.date())[0].placed == 2


def test_two_who_count_the_same_orders_count_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    placed_at(NOON, NOON)
    order_stats.count_up(NOON + DAY)
    monkeypatch.setattr(order_stats, "_last_counted", lambda: 0)
    order_stats.count_up(NOON + DAY)
    monkeypatch.undo()

    assert order_stats.since(date(2026, 11, 1))[0].placed == 2


MIDNIGHT_IN_MOSCOW = datetime(2026, 11, 20, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("is_counted", [False, True])
def test_a_day_of_orders_begins_at_the_shops_midnight(change_settings: Callable[..., None], is_counted: bool) -> None:
    change_settings(time_zone="Europe/Moscow")
    placed_at(MIDNIGHT_IN_MOSCOW - SECOND, MIDNIGHT_IN_MOSCOW, MIDNIGHT_IN_MOSCOW + 3 * timedelta(hours=1))
    while is_counted and order_stats.count_up(NOON + 2 * DAY):
        pass

    assert [each.placed for each in order_stats.since(date(2026, 11, 21), date(2026, 11, 20))] == [2, 3]


def test_a_day_of_calls_begins_at_the_shops_midnight(change_settings: Callable[..., None]) -> None:
    change_settings(time_zone="Europe/Moscow")
    working_section()
    calls_took(1, ended_at=MIDNIGHT_IN_MOSCOW - SECOND)
    calls_took(1, 1, ended_at=MIDNIGHT_IN_MOSCOW)
    call_counters.count_up()

    works = {day: times.works for day, times in call_stats.since(NOON.date()).times[StageType.POEM].items()}

    assert works == {date(2026, 11, 20): 1, date(2026, 11, 21): 2}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Moscow", date(2026, 10, 25), 24),
        # Clocks leave out its midnight: the day begins at one.
        ("America/Santiago", date(2026, 9, 6), 23),
        # Its midnight comes twice.
        ("America/Havana", date(2026, 11, 1), 25),
    ],
)
def test_a_day_is_as_long_as_the_shops_clocks_make_it(
    change_settings: Callable[..., None], zone: str, day: date, hours: int
) -> None:
    change_settings(time_zone=zone)
    begins, ends = (calendar.start_of(each).astimezone(UTC) for each in (day, day + DAY))

    assert ends - begins == timedelta(hours=hours)
    moments = (begins - SECOND, begins, ends - SECOND, ends)
    assert [calendar.day_of(moment) for moment in moments] == [day - DAY, day, day, day + DAY]
    assert begins.astimezone(ZoneInfo(zone)).date() == day


@pytest.mark.parametrize(("before", "after"), [("UTC", "Europe/Moscow"), ("Europe/Moscow", "UTC")])
def test_another_zone_loses_no_order_and_counts_none_twice(
    change_settings: Callable[..., None], before: str, after: str
) -> None:
    moments = [MIDNIGHT_IN_MOSCOW + timedelta(hours=hours) for hours in range(-3, 7)]
    placed_at(*moments)
    change_settings(time_zone=before)
    while order_stats.count_up(MIDNIGHT_IN_MOSCOW + timedelta(hours=1, minutes=30)):
        pass
    change_settings(time_zone=after)
    while order_stats.count_up(NOON + 2 * DAY):
        pass

    assert order_stats.since(date(2026, 11, 19))[0].placed == len(moments)
