"""What counts against a provider's limits, to the moment: calls, looks, jobs, and a provider that says "too many"."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from domain import quotas
from domain.db import db, utc_now
from domain.orders.models import Attempt, AttemptState, Stage, StageReason, StageState
from domain.quotas import BATCH, CLOSED_FOR, JOBS_PAUSE, MAX_CLOSED, Grant, Quota, Usage
from providers.base import Limits
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.row_changes import columns
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

SONG = StageType.SONG
SUNO, PIKA = ProviderKind.SUNO, ProviderKind.PIKA
#: Of ten seconds, and the margin for calls that reach the provider a little sooner or later.
WINDOW = 10.2
SECOND = timedelta(seconds=1)


@pytest.fixture
def allow(change_settings: Callable[..., None]) -> Callable[[Limits], None]:
    """Set what the provider of songs allows, and let nobody else have limits."""
    none = {kind: Limits() for kind in ProviderKind}

    def allowed(limits: Limits) -> None:
        change_settings(provider_limits={**none, SUNO: limits})

    return allowed


@pytest.fixture
def three(allow: Callable[[Limits], None]) -> None:
    """Three calls in ten seconds."""
    allow(Limits(calls=3, seconds=10))


def ago(*seconds: float) -> list[float]:
    return [utc_now().timestamp() - each for each in seconds]


def asked(*seconds_ago: float, looks: list[float] | None = None, closed_until: datetime | None = None) -> None:
    """The provider was asked so many seconds ago, the oldest first."""
    db.session.add(
        Quota(provider_kind=SUNO, calls=ago(*seconds_ago), looks=ago(*(looks or [])), closed_until=closed_until)
    )
    db.session.commit()


def counted() -> tuple[list[float], list[float]]:
    """The calls and looks that are written down, in seconds before now."""
    db.session.commit()
    quota, now = db.session.get_one(Quota, SUNO), utc_now().timestamp()
    return [round(now - at, 3) for at in quota.calls], [round(now - at, 3) for at in quota.looks]


def song(state: StageState = StageState.QUEUED, **values: object) -> Stage:
    order = place_order(frozenset({SONG}), poem="Море")
    set_state(order.id, SONG, state, provider_kind=SUNO, **values)
    return stage_of(order, SONG)


def job(state: AttemptState, kind: ProviderKind = SUNO) -> None:
    db.session.add(Attempt(stage_id=song().id, number=1, state=state, provider_kind=kind, model="m"))
    db.session.commit()


def lasts(call: float) -> datetime:
    """When a call that was made so many seconds ago counts no longer."""
    return utc_now() + timedelta(seconds=WINDOW - call)


@pytest.mark.usefixtures("three")
def test_a_call_counts_for_its_window_and_its_margin() -> None:
    asked(WINDOW + 0.01, WINDOW, WINDOW - 0.01, 0)

    assert quotas.usage(utc_now()) == [Usage(SUNO, "calls", 2, 3)]


@pytest.mark.parametrize(("seconds", "window"), [(1, 1.1), (5, 5.1), (60, 61.2)])
def test_the_margin_is_a_fiftieth_and_a_tenth_of_a_second_at_least(
    allow: Callable[[Limits], None], seconds: float, window: float
) -> None:
    allow(Limits(calls=1, seconds=seconds))
    asked(0)

    _, again_at = quotas.free_calls(SUNO, utc_now())

    assert (again_at - utc_now()).total_seconds() == pytest.approx(window)


@pytest.mark.usefixtures("three")
def test_a_call_of_a_time_to_come_counts_only_if_it_may_be_a_matter_of_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "SMALLEST_MARGIN_SECONDS", 1)
    asked(-0.5, -1, -1.5, -3600)

    assert quotas.usage(utc_now()) == [Usage(SUNO, "calls", 2, 3)]


def test_jobs_count_until_their_end_is_known(allow: Callable[[Limits], None]) -> None:
    allow(Limits(jobs=5))
    for state in AttemptState:
        job(state)
    job(AttemptState.OPEN, PIKA)

    assert quotas.usage(utc_now()) == [Usage(SUNO, "jobs", 3, 5)]
    assert quotas.free_calls(SUNO, utc_now()) == (2, utc_now() + JOBS_PAUSE)


def test_a_provider_nobody_was_asked_of_and_one_without_limits_are_free(allow: Callable[[Limits], None]) -> None:
    allow(Limits(calls=3, seconds=10))
    assert quotas.usage(utc_now()) == [Usage(SUNO, "calls", 0, 3)]
    assert quotas.free_calls(PIKA, utc_now()) == (BATCH, utc_now() + JOBS_PAUSE)


@pytest.mark.parametrize(("ran", "free"), [(1, 1), (2, 0), (3, 0)])
def test_no_more_are_free_than_jobs_and_calls_allow(allow: Callable[[Limits], None], ran: int, free: int) -> None:
    allow(Limits(calls=3, seconds=10, jobs=2))
    asked(4)
    for _ in range(ran):
        job(AttemptState.ACCEPTED)

    assert quotas.free_calls(SUNO, utc_now()) == (free, lasts(4))


@pytest.mark.usefixtures("three")
def test_the_next_call_is_free_when_the_oldest_that_counts_does_not() -> None:
    # One more than is allowed, as a check asks whether or not it is its turn.
    asked(9, 4, 3, 2)

    free, again_at = quotas.free_calls(SUNO, utc_now())

    assert free == 0
    assert abs(again_at - lasts(4)) < timedelta(milliseconds=1)


@pytest.mark.usefixtures("three")
def test_a_call_that_is_taken_is_counted_for_now_and_old_ones_are_forgotten(clock: StoppedClock) -> None:
    asked(60, 4)
    stage = song()

    grant = quotas.take_call(stage, SUNO)

    assert grant == Grant(1, utc_now().timestamp())
    assert counted() == ([4, 0], [])


@pytest.mark.usefixtures("three")
def test_a_call_too_many_is_not_counted() -> None:
    asked(4, 3, 2)
    stage = song()

    grant = quotas.take_call(stage, SUNO)

    assert (grant.calls, grant.counted_at) == (0, None)
    assert grant.again_at is not None
    assert abs(grant.again_at - lasts(4)) < timedelta(milliseconds=1)
    assert counted() == ([4, 3, 2], [])


def test_a_provider_that_limits_only_jobs_counts_no_calls(allow: Callable[[Limits], None]) -> None:
    allow(Limits(jobs=1))
    stage = song()

    assert quotas.take_call(stage, SUNO) == Grant(1)
    assert counted() == ([], [])
    job(AttemptState.ACCEPTED)
    assert quotas.take_call(stage, SUNO) == Grant(0, again_at=utc_now() + JOBS_PAUSE)


def test_a_provider_without_limits_is_written_down_only_when_it_has_said_too_many(
    allow: Callable[[Limits], None], clock: StoppedClock
) -> None:
    allow(Limits())
    stage = song()
    assert quotas.take_call(stage, SUNO) == Grant(1)
    assert db.session.get(Quota, SUNO) is None

    quotas.close(SUNO, 30, utc_now())
    assert quotas.take_call(stage, SUNO) == Grant(0, again_at=utc_now() + 30 * SECOND)
    clock.shift(30)

    assert quotas.take_call(stage, SUNO) == Grant(1)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("older", "goes"), [(True, False), (False, True)])
def test_an_older_stage_that_is_held_goes_first(older: bool, goes: bool) -> None:
    first, second = song(), song()
    held, asks = (first, second) if older else (second, first)
    set_state(held.order_id, SONG, StageState.QUEUED, reason=StageReason.THROTTLED)

    grant = quotas.take_call(asks, SUNO)

    assert grant == (Grant(1, utc_now().timestamp()) if goes else Grant(0, again_at=utc_now()))


@pytest.mark.parametrize(
    ("seconds", "closed_for"),
    [(None, CLOSED_FOR), (0, CLOSED_FOR), (7, 7 * SECOND), (3600, MAX_CLOSED)],
)
def test_a_provider_is_closed_for_as_long_as_it_says_but_not_for_ever(
    seconds: float | None, closed_for: timedelta, clock: StoppedClock
) -> None:
    quotas.close(SUNO, seconds, utc_now())

    assert quotas.free_calls(SUNO, utc_now()) == (0, utc_now() + closed_for)
    clock.shift(closed_for)
    assert quotas.free_calls(SUNO, utc_now())[0] > 0


def test_whoever_closes_a_provider_opens_it_no_sooner() -> None:
    quotas.close(SUNO, 30, utc_now())
    quotas.close(SUNO, 7, utc_now())

    assert quotas.free_calls(SUNO, utc_now()) == (0, utc_now() + 30 * SECOND)


def test_a_provider_is_not_closed_for_longer_than_any_is_by_a_clock_that_was_ahead() -> None:
    asked(closed_until=utc_now() + MAX_CLOSED + SECOND)

    assert quotas.free_calls(SUNO, utc_now())[0] > 0
    quotas.close(SUNO, 7, utc_now())
    assert quotas.free_calls(SUNO, utc_now()) == (0, utc_now() + 7 * SECOND)


def test_all_that_are_closed_can_be_opened(clock: StoppedClock) -> None:
    quotas.close(SUNO, 7, utc_now())
    quotas.close(PIKA, 30, utc_now())
    clock.shift(7)
    over = columns(db.session.get_one(Quota, SUNO))

    quotas.open_all(utc_now())
    db.session.commit()

    assert quotas.free_calls(PIKA, utc_now())[0] > 0
    assert db.session.get_one(Quota, PIKA).closed_until is None
    assert columns(db.session.get_one(Quota, SUNO)) == over


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("late", "counts_for"), [(2, 2), (2.5, 0)])
def test_a_call_that_leaves_late_counts_for_when_it_leaves(
    late: float, counts_for: float, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "LATE_SECONDS", 2)
    asked(3)
    grant = quotas.take_call(song(), SUNO)
    clock.shift(late)

    quotas.leave(SUNO, grant.counted_at)

    assert counted() == ([pytest.approx(3 + late), pytest.approx(counts_for)], [])


@pytest.mark.usefixtures("three")
def test_a_call_that_nobody_counted_is_not_counted_as_it_leaves() -> None:
    asked(3)

    quotas.leave(SUNO, None)

    assert counted() == ([3], [])


@pytest.mark.usefixtures("three")
def test_calls_are_counted_for_when_they_left_and_no_longer_for_when_they_were_to() -> None:
    asked(9, 9, 8, looks=[9, 8])

    quotas.correct(SUNO, ago(9)[0], [ago(7)[0], None])

    assert counted() == ([8, 7, 0], [8, 7, 0])


@pytest.mark.usefixtures("three")
def test_submits_are_no_looks_when_they_are_counted_anew() -> None:
    asked(9, 8, looks=[8])

    quotas.correct(SUNO, ago(9)[0], [None])

    assert counted() == ([8, 0], [8])


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("wanted", "granted"), [(1, 1), (2, 2), (3, 2)])
def test_looks_have_what_is_free(wanted: int, granted: int) -> None:
    asked(60, 4, looks=[60, 4])

    grant = quotas.acquire_polls(SUNO, wanted)

    assert (grant.calls, grant.counted_at) == (granted, utc_now().timestamp())
    assert counted() == ([4, *[0] * granted], [4, *[0] * granted])
    if wanted == granted:
        assert grant.again_at is None
    else:
        assert grant.again_at is not None
        assert abs(grant.again_at - lasts(4)) < timedelta(milliseconds=1)


def test_looks_at_a_provider_without_a_limit_of_calls_are_not_counted(allow: Callable[[Limits], None]) -> None:
    allow(Limits(jobs=3))

    assert quotas.acquire_polls(SUNO, 50) == Grant(50)
    assert db.session.get(Quota, SUNO) is None


def test_a_closed_provider_is_not_looked_at_either(allow: Callable[[Limits], None], clock: StoppedClock) -> None:
    allow(Limits())
    quotas.close(SUNO, 30, utc_now())

    assert quotas.acquire_polls(SUNO, 50) == Grant(0, again_at=utc_now() + 30 * SECOND)
    clock.shift(30)
    assert quotas.acquire_polls(SUNO, 50) == Grant(50)


@pytest.mark.usefixtures("three")
def test_looks_that_leave_all_to_those_that_are_on_their_way_know_no_time_to_come_again() -> None:
    asked()
    for _ in range(3):
        song(due_at=utc_now(), published_at=utc_now())

    assert quotas.acquire_polls(SUNO, 1) == Grant(0, utc_now().timestamp())


@pytest.mark.usefixtures("three")
def test_looks_leave_free_what_those_need_that_are_on_their_way() -> None:
    asked(4)
    song(due_at=utc_now(), published_at=utc_now())

    assert quotas.acquire_polls(SUNO, 2).calls == 1


@pytest.mark.parametrize(("allowed", "share"), [(9, 1), (19, 1), (20, 2), (30, 3)])
def test_while_submits_are_held_all_looks_of_a_window_have_a_tenth(
    allow: Callable[[Limits], None], allowed: int, share: int
) -> None:
    allow(Limits(calls=allowed, seconds=10))
    song(reason=StageReason.THROTTLED)

    assert quotas.acquire_polls(SUNO, 50).calls == share
    grant = quotas.acquire_polls(SUNO, 50)
    assert (grant.calls, grant.again_at) == (0, lasts(0))


def test_while_submits_are_held_looks_wait_for_looks(allow: Callable[[Limits], None]) -> None:
    allow(Limits(calls=20, seconds=10))
    asked(9, 8, 7, 6, looks=[8, 6])
    song(reason=StageReason.THROTTLED)

    grant = quotas.acquire_polls(SUNO, 1)

    assert grant.calls == 0
    assert grant.again_at is not None
    assert abs(grant.again_at - lasts(8)) < timedelta(milliseconds=1)


def test_submits_of_others_that_are_held_leave_looks_alone(allow: Callable[[Limits], None]) -> None:
    allow(Limits(calls=20, seconds=10))
    order = song(reason=StageReason.THROTTLED)
    set_state(order.order_id, SONG, StageState.QUEUED, provider_kind=PIKA)

    assert quotas.acquire_polls(SUNO, 15).calls == 15


@pytest.mark.usefixtures("three")
def test_looks_that_find_nothing_free_come_again_when_a_call_counts_no_longer() -> None:
    asked(9, 4, 3, 2)

    grant = quotas.acquire_polls(SUNO, 1)

    assert grant.calls == 0
    assert grant.again_at is not None
    assert abs(grant.again_at - lasts(4)) < timedelta(milliseconds=1)


@pytest.mark.usefixtures("three")
def test_calls_of_a_check_are_counted_all_and_at_once() -> None:
    asked(60, 4)

    quotas.note(SUNO, 2, utc_now())

    assert counted() == ([4, 0, 0], [])


def test_calls_of_a_check_of_a_provider_without_a_limit_are_not_counted(allow: Callable[[Limits], None]) -> None:
    allow(Limits(jobs=3))

    quotas.note(SUNO, 2, utc_now())

    assert db.session.get(Quota, SUNO) is None


def test_what_the_environment_allows_counts_before_what_the_vendor_says(allow: Callable[[Limits], None]) -> None:
    allow(Limits(calls=7, seconds=3))

    assert quotas.limits_of(SUNO) == Limits(calls=7, seconds=3)
