"""Letting held stages go: which, how many, when to come for the others, and what is written."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from domain import quotas
from domain.db import db, utc_now
from domain.maintenance import sweep
from domain.orders.models import Order, Ready, Stage, StageReason, StageState
from domain.orders.throttled_stages import ON_ITS_WAY, is_throttled, on_their_way
from domain.provider_configs.throttle_release import Released, release_throttled
from domain.quotas import JOBS_PAUSE, Quota
from providers.base import Limits
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, save_section, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
SUNO = ProviderKind.SUNO
SECOND = timedelta(seconds=1)


@pytest.fixture
def songs_by_suno(change_settings: Callable[..., None]) -> None:
    """Three songs at a time in ten seconds, by a key that nobody has checked."""
    change_settings(provider_limits={SUNO: Limits(calls=3, seconds=10)})
    save_section(SONG, SUNO, api_key="fake-key-0123456789")


def held(stage_type: StageType, many: int = 1) -> list[Ready]:
    """Stages that are held, the oldest first, as they are told of when they may go."""
    return [Ready(stage_of(held_order(stage_type), stage_type).id, stage_type) for _ in range(many)]


def held_order(stage_type: StageType) -> Order:
    order = place_order(frozenset({stage_type}), poem=None if stage_type is POEM else "Море")
    past = utc_now() - timedelta(minutes=1)
    set_state(order.id, stage_type, StageState.QUEUED, reason=StageReason.THROTTLED, due_at=past, published_at=None)
    return order


def called(*seconds_ago: float) -> None:
    """Calls that the provider of songs was asked."""
    calls = sorted(utc_now().timestamp() - seconds for seconds in seconds_ago)
    db.session.add(Quota(provider_kind=SUNO, calls=calls, looks=[]))
    db.session.commit()


def window_after(seconds_ago: float) -> datetime:
    """When a call that was made so long ago counts no longer."""
    return utc_now() + timedelta(seconds=10.2 - seconds_ago)


@pytest.mark.usefixtures("songs_by_suno")
@pytest.mark.parametrize("free", [0, 1, 2, 3])
def test_as_many_go_as_the_provider_takes_and_the_oldest_first(free: int) -> None:
    called(*[4, 3, 2][free:])
    songs = held(SONG, 4)

    released = release_throttled(utc_now())

    assert released.ready == songs[:free]
    assert released.again_at is not None
    if free < 3:
        expected = window_after([4, 3, 2][free])
        assert abs(released.again_at - expected) < timedelta(milliseconds=1)


@pytest.mark.usefixtures("songs_by_suno")
def test_nobody_has_to_come_again_when_all_have_gone() -> None:
    called(4)
    songs = held(SONG, 2)

    assert release_throttled(utc_now()) == Released(songs, None)
    assert release_throttled(utc_now()) == Released([], None)


def test_a_stage_that_was_let_go_is_on_its_way_in_every_column(clock: StoppedClock) -> None:
    order = held_order(POEM)
    clock.shift(7)

    with changes_of(order) as changed:
        release_throttled(utc_now())

    assert changed == {"reason": None, "due_at": utc_now(), "published_at": utc_now()}


def test_where_nothing_serves_them_they_go_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "BATCH", 2)
    poems = held(POEM, 3)

    assert release_throttled(utc_now()) == Released(poems[:2], utc_now() + JOBS_PAUSE)
    assert release_throttled(utc_now()) == Released(poems[2:], None)


def test_works_of_all_types_go_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "BATCH", 1)
    poems, voices = held(POEM, 1), held(VOICE, 2)

    released = release_throttled(utc_now())

    assert sorted(released.ready, key=lambda ready: ready.stage_id) == [*poems, voices[0]]
    assert released.again_at == utc_now() + JOBS_PAUSE


@pytest.mark.usefixtures("songs_by_suno")
def test_a_provider_without_a_limit_lets_no_more_than_a_batch_go(
    change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(provider_limits={SUNO: Limits()})
    monkeypatch.setattr(quotas, "BATCH", 2)
    songs = held(SONG, 3)

    assert release_throttled(utc_now()).ready == songs[:2]


@pytest.mark.usefixtures("songs_by_suno")
def test_works_of_one_type_wait_for_no_others() -> None:
    quotas.close(SUNO, 30, utc_now())
    db.session.commit()
    held(SONG, 2)
    poems = held(POEM, 2)

    released = release_throttled(utc_now())

    assert released == Released(poems, utc_now() + 30 * SECOND)


@pytest.mark.usefixtures("songs_by_suno")
def test_those_that_are_on_their_way_leave_less_room() -> None:
    called(4)
    on_its_way = place_order(frozenset({SONG}), poem="Море")
    set_state(on_its_way.id, SONG, StageState.QUEUED, due_at=utc_now(), published_at=utc_now())
    songs = held(SONG, 3)

    assert release_throttled(utc_now()).ready == songs[:1]


@pytest.mark.usefixtures("songs_by_suno")
def test_the_sweep_says_when_the_others_may_go() -> None:
    quotas.close(SUNO, 30, utc_now())
    db.session.commit()
    held(SONG)

    swept = sweep.sweep(utc_now())

    assert (swept.stages, swept.again_at) == ([], utc_now() + 30 * SECOND)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),
        ({"published_at": -ON_ITS_WAY}, False),
        ({"published_at": -ON_ITS_WAY + SECOND}, True),
        ({"published_at": None}, False),
        ({"due_at": SECOND}, False),
        ({"reason": "unavailable"}, False),
        ({"state": StageState.RUNNING}, False),
    ],
)
def test_on_its_way_is_what_is_due_and_was_told_of_just_now(values: dict[str, object], counts: bool) -> None:
    order, other = place_order(), place_order(frozenset({SONG}), poem="Море")
    now = utc_now()
    moments = {name: now + by if isinstance(by, timedelta) else by for name, by in values.items()}
    given = {"state": StageState.QUEUED, "due_at": now, "published_at": now, **moments}
    set_state(order.id, POEM, StageState(str(given.pop("state"))), **given)

    assert db.session.scalars(on_their_way(Stage.stage_type == POEM, now)).one() == int(counts)
    assert db.session.scalars(on_their_way(Stage.id == stage_of(other, SONG).id, now)).one() == 1


def test_held_is_what_is_queued_and_says_so() -> None:
    poem, song = held_order(POEM), held_order(SONG)
    ended, queued = held_order(POEM), place_order()
    set_state(ended.id, POEM, StageState.FAILED)
    assert stage_of(queued).state is StageState.QUEUED

    def ids(stage_type: StageType | None = None) -> list[int]:
        return list(db.session.scalars(db.select(Stage.id).where(*is_throttled(stage_type)).order_by(Stage.id)))

    poem_id, song_id = stage_of(poem).id, stage_of(song, SONG).id
    assert (ids(), ids(POEM), ids(SONG), ids(CLIP)) == ([poem_id, song_id], [poem_id], [song_id], [])
