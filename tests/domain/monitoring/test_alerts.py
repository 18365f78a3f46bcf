"""Alerts: one as a trouble begins, one as it is over, and no more unless it gets worse."""

from datetime import timedelta

import pytest

from domain import heartbeats
from domain.db import db, utc_now
from domain.monitoring import alerts
from domain.monitoring.alerts import Alert, Trouble, notice_sections, notice_silence, sentence
from domain.orders.models import StageState
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import StageType
from tests.builders import place_order, section, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock

POEM = StageType.POEM
MINUTE = timedelta(minutes=1)


def break_section(reason: Reason = Reason.REJECTED) -> None:
    section().set_status(Status.INVALID, Problem(reason), utc_now())
    db.session.commit()


def mend_section() -> None:
    section().set_status(Status.ACTIVE, None, utc_now())
    db.session.commit()


def let_wait(orders: int) -> None:
    for _ in range(orders):
        stage = stage_of(place_order())
        stage.state, stage.waiting_since = StageState.WAITING, utc_now()
    db.session.commit()


def told(clock: StoppedClock, after: timedelta = MINUTE) -> list[str]:
    clock.shift(after)
    return [sentence(alert) for alert in notice_sections(utc_now())]


def test_a_section_is_told_of_as_it_is_blocked_and_as_it_works_again(clock: StoppedClock) -> None:
    working_section()
    assert told(clock) == []
    break_section()
    let_wait(1)

    assert told(clock) == ["POEM: blocked (rejected) since 18 Nov 12:01 UTC, 1 waits"]
    assert told(clock) == []
    mend_section()
    assert told(clock) == ["POEM: works again"]
    assert told(clock) == []


@on_one_database
def test_a_trouble_is_told_again_when_another_reason_or_twice_as_many_orders_make_it_worse(
    clock: StoppedClock,
) -> None:
    working_section()
    break_section()
    let_wait(3)
    assert len(told(clock)) == 1
    let_wait(2)
    assert told(clock) == []
    let_wait(1)
    assert told(clock) == ["POEM: blocked (rejected) since 18 Nov 12:00 UTC, 6 wait"]
    break_section(Reason.NO_CREDIT)
    assert told(clock) == ["POEM: blocked (no credit) since 18 Nov 12:03 UTC, 6 wait"]


@on_one_database
def test_a_trouble_that_lasts_is_told_again_after_a_day(clock: StoppedClock) -> None:
    working_section()
    break_section()

    assert [len(told(clock, timedelta(hours=1))) for _ in range(26)] == [1, *[0] * 23, 1, 0]


@on_one_database
def test_a_section_whose_new_key_is_being_checked_is_neither_blocked_nor_well(clock: StoppedClock) -> None:
    working_section()
    break_section()
    assert len(told(clock)) == 1
    section().set_status(Status.UNKNOWN, None, utc_now())
    db.session.commit()

    assert told(clock) == []

    break_section()
    assert told(clock) == []


@on_one_database
def test_a_section_that_was_never_set_is_missed_only_by_orders(clock: StoppedClock) -> None:
    assert told(clock) == []
    let_wait(1)

    assert told(clock) == ["POEM: blocked (not configured) since 18 Nov 12:01 UTC, 1 waits"]


@on_one_database
def test_a_provider_that_is_away_is_told_of_once_orders_wait_for_it(clock: StoppedClock) -> None:
    working_section()
    break_section(Reason.UNAVAILABLE)
    assert told(clock) == []
    let_wait(2)

    assert told(clock) == ["POEM: blocked (unavailable) since 18 Nov 12:00 UTC, 2 wait"]


@on_one_database
def test_a_model_that_is_gone_and_a_list_that_is_old_are_told_of(clock: StoppedClock) -> None:
    working_section()
    row = section()
    row.models_cache_updated_at = utc_now() - timedelta(hours=49)
    row.model_missing_since = row.model_gone_at = utc_now()
    db.session.commit()

    assert sorted(told(clock)) == [
        "POEM: the list of models is older than 48 hours since 18 Nov 11:00 UTC",
        "POEM: the model dummy-verse is gone from the provider's list since 18 Nov 12:00 UTC",
    ]
    row = section()
    row.models_cache_updated_at, row.model_gone_at = utc_now(), None
    db.session.commit()
    assert len(told(clock)) == 2


@on_one_database
def test_of_a_section_that_is_blocked_the_age_of_its_list_is_no_news(clock: StoppedClock) -> None:
    working_section()
    section().models_cache_updated_at = utc_now() - timedelta(hours=49)
    break_section()

    assert told(clock) == ["POEM: blocked (rejected) since 18 Nov 12:00 UTC"]


@pytest.mark.parametrize(("trouble", "name"), [(Trouble.NO_WORKER, "worker"), (Trouble.NO_BEAT, "beat")])
def test_a_kind_of_process_that_nobody_has_seen_for_two_minutes_is_told_of(
    clock: StoppedClock, trouble: Trouble, name: str
) -> None:
    began = utc_now()
    heartbeats.beat(name, utc_now())
    clock.shift(2 * MINUTE)
    assert notice_silence(trouble, began, utc_now()) == []
    clock.shift(MINUTE)

    assert len(notice_silence(trouble, began, utc_now())) == 1
    clock.shift(MINUTE)
    assert notice_silence(trouble, began, utc_now()) == []
    heartbeats.beat(name, utc_now())
    clock.shift(MINUTE)
    [over] = notice_silence(trouble, began, utc_now())
    assert over.over


@on_one_database
def test_one_that_was_never_seen_is_missed_two_minutes_after_somebody_began_to_watch(
    clock: StoppedClock,
) -> None:
    began = utc_now()
    clock.shift(MINUTE)
    assert notice_silence(Trouble.NO_WORKER, began, utc_now()) == []
    clock.shift(2 * MINUTE)

    assert len(notice_silence(Trouble.NO_WORKER, began, utc_now())) == 1
    assert alerts.nobody_works(utc_now())


def test_of_several_processes_that_look_at_once_one_tells(clock: StoppedClock) -> None:
    working_section()
    break_section()
    clock.shift(MINUTE)

    assert [len(notice_sections(utc_now())) for _ in range(3)] == [1, 0, 0]
    assert db.session.query(Alert).count() == 1
