"""A round of looks: how many jobs of whom, how many side by side, and what is counted for them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from domain import quotas
from domain.db import db, utc_now
from domain.generation import download as generation_download
from domain.generation import poll as generation_poll
from domain.generation.poll import Polled
from domain.orders import leases
from domain.orders.leases import Lease
from domain.orders.models import Order, StageState
from domain.quotas import Quota
from providers.base import JobStatus, Limits
from providers.errors import KeyRejected, Unavailable
from providers.http.download import Downloaded, download
from providers.kinds import ProviderKind, StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import place_order, run, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import CLIP, KINDS, LOOK_ROUTES, POEM, SONG, room_of
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

BOTH = {ProviderKind.SUNO: Limits(calls=20, seconds=10), ProviderKind.PIKA: Limits(calls=20, seconds=10)}


@pytest.fixture
def limited(change_settings: Callable[..., None]) -> None:
    """Both providers allow so many calls in so many seconds."""
    change_settings(provider_limits=BOTH)


def running(*stage_types: StageType) -> list[Order]:
    """Orders whose jobs have to be looked at now; nothing was asked lately."""
    orders = []
    for stage_type in stage_types:
        order = place_order(frozenset({stage_type}), poem=POEM)
        run(order, stage_type)
        set_state(order.id, stage_type, StageState.SUBMITTED, due_at=utc_now())
        orders.append(order)
    db.session.execute(delete(Quota))
    db.session.commit()
    return orders


def used() -> dict[ProviderKind, int]:
    """How many calls count now."""
    found = {use.provider_kind: use.used for use in quotas.usage(utc_now()) if use.of == "calls"}
    return {kind: found[kind] for kind in BOTH}


def look_so(stage_type: StageType, poll: Callable[[], JobStatus], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JOB_ADAPTERS[KINDS[stage_type]], "poll", lambda _adapter, _job_id: poll())


def fail(error: Exception) -> Callable[[], JobStatus]:
    def poll() -> JobStatus:
        raise error

    return poll


def noting_threads(names: set[str], work: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any) -> Any:
        names.add(threading.current_thread().name)
        return work(*args)

    return noted


@pytest.mark.usefixtures("limited")
def test_each_provider_is_asked_about_its_own_jobs_and_only_those_count() -> None:
    orders = running(SONG, CLIP, SONG)

    generation_poll.poll_due(utc_now())

    types = (SONG, CLIP, SONG)
    assert [stage_of(order, each).state for order, each in zip(orders, types, strict=True)] == [StageState.DONE] * 3
    assert used() == {ProviderKind.SUNO: 2, ProviderKind.PIKA: 1}


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(("closed", "other"), [(SONG, CLIP), (CLIP, SONG)])
def test_a_provider_that_is_closed_holds_up_no_other(closed: StageType, other: StageType) -> None:
    waits, goes = running(closed, other)
    quotas.close(KINDS[closed], 30, utc_now())
    db.session.commit()

    polled = generation_poll.poll_due(utc_now())

    assert stage_of(waits, closed).state is StageState.SUBMITTED
    assert (stage_of(waits, closed).claim, stage_of(goes, other).state) == (1, StageState.DONE)
    _, opens_at = quotas.free_calls(KINDS[closed], utc_now())
    assert polled == Polled([], [], opens_at)


@pytest.mark.usefixtures("limited")
def test_a_round_asks_about_no_more_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_poll, "BATCH", 1)
    first, second = running(SONG, SONG)
    set_state(first.id, SONG, StageState.SUBMITTED, due_at=utc_now() - timedelta(seconds=1))

    generation_poll.poll_due(utc_now())

    assert (stage_of(first, SONG).state, stage_of(second, SONG).state) == (StageState.DONE, StageState.SUBMITTED)
    assert used()[ProviderKind.SUNO] == 1


def test_every_section_that_a_round_has_found_refused_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    running(SONG, CLIP)
    for stage_type in (SONG, CLIP):
        look_so(stage_type, fail(KeyRejected(KINDS[stage_type])), monkeypatch)

    assert sorted(generation_poll.poll_due(utc_now()).checks) == sorted([SONG, CLIP])


@pytest.mark.usefixtures("limited")
def test_a_look_counts_from_when_it_left_however_long_its_answer_takes(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(SONG)
    acquire_polls = quotas.acquire_polls

    def take_slowly(*args: Any) -> quotas.Grant:
        grant = acquire_polls(*args)
        clock.shift(2)
        return grant

    def answer_slowly() -> JobStatus:
        clock.shift(5)
        raise Unavailable(ProviderKind.SUNO)

    monkeypatch.setattr(quotas, "acquire_polls", take_slowly)
    look_so(SONG, answer_slowly, monkeypatch)
    generation_poll.poll_due(utc_now())

    clock.shift(5)
    assert used()[ProviderKind.SUNO] == 1
    clock.shift(0.5)
    assert used()[ProviderKind.SUNO] == 0


def test_no_more_jobs_are_asked_about_side_by_side_than_that(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_poll, "THREADS", 1)
    monkeypatch.setattr(generation_download, "THREADS", 1)
    running(SONG, SONG, SONG)
    asking: set[str] = set()
    fetched: set[str] = set()
    monkeypatch.setattr(generation_poll, "_poll", noting_threads(asking, generation_poll._poll))
    monkeypatch.setattr(generation_download, "_store", noting_threads(fetched, generation_download._store))

    generation_poll.poll_due(utc_now())

    assert (len(asking), len(fetched)) == (1, 1)
    assert len([call for call in emulator.requests if call.route == LOOK_ROUTES[SONG]]) == 3


def test_what_is_looked_at_is_held_from_before_it_was_taken_until_it_is_fetched(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order] = running(SONG)
    stage_id, asked_at = stage_of(order, SONG).id, clock.seconds()
    held: list[Lease] = []
    renewed, acquire_polls, fetch = leases.renewed, generation_poll._take_looks, generation_download.fetch

    @contextmanager
    def remembered(*stages: tuple[int, int], asked_at: float) -> Iterator[list[Lease]]:
        with renewed(*stages, asked_at=asked_at) as leases_of_round:
            held.extend(leases_of_round)
            yield leases_of_round
            held.clear()

    def take_slowly(*args: Any) -> object:
        clock.shift(3)
        return acquire_polls(*args)

    def fetch_while_held(*args: Any) -> object:
        assert held == [Lease(stage_id, 2, asked_at)]
        return fetch(*args)

    monkeypatch.setattr(leases, "renewed", remembered)
    monkeypatch.setattr(generation_poll, "_take_looks", take_slowly)
    monkeypatch.setattr(generation_download, "fetch", fetch_while_held)
    generation_poll.poll_due(utc_now())

    assert stage_of(order, SONG).state is StageState.DONE


def test_a_file_is_fetched_as_what_the_order_is_about_and_from_whom(
    stage_type: StageType, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def fetched(*args: Any, **how: Any) -> Downloaded:
        seen.update(how)
        return download(*args, **how)

    monkeypatch.setattr(generation_download, "download", fetched)
    [order] = running(stage_type)
    generation_poll.poll_due(utc_now())

    assert stage_of(order, stage_type).state is StageState.DONE
    assert (seen["kind"], seen["medium"]) == (KINDS[stage_type], {SONG: "audio", CLIP: "video"}[stage_type])
    assert room_of(emulator, stage_type).base_path in seen["base_url"]
