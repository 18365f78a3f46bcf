"""The same promises for every adapter that runs jobs: how one stands, and what a repeated order is."""

from typing import Any

import pytest

from providers.base import JobStatus
from providers.errors import JobUnknown, OutcomeUnknown, Unavailable
from providers.registry import JOB_ADAPTERS, runs_jobs
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.providers.conftest import assert_tells_nothing
from tests.providers.wires import JOB_ID, LOST_BY, WIRES, AnyProvider, Wire

JOB_WIRES = {name: wire for name, wire in WIRES.items() if runs_jobs(wire.kind)}


@pytest.fixture(params=list(JOB_WIRES.values()), ids=list(JOB_WIRES))
def wire(request: pytest.FixtureRequest) -> Wire:
    chosen: Wire = request.param
    return chosen


def test_every_adapter_of_jobs_is_here() -> None:
    assert {wire.adapter for wire in JOB_WIRES.values()} == set(JOB_ADAPTERS.values())


def test_a_job_runs_until_it_is_done(provider: AnyProvider, room: JobRoom, wire: Wire) -> None:
    room.job_seconds, room.pinned = 60, 0
    ticket = provider.submit(wire.request)
    seen = []
    for room.pinned in (0, 0.1, 0.4, 1):
        seen.append(provider.poll(ticket.job_id))

    assert seen[:3] == [JobStatus()] * 3
    assert seen[3].media is not None


def test_a_look_can_be_repeated_and_shows_the_same_work(
    provider: AnyProvider, room: JobRoom, emulator: Emulator
) -> None:
    first, second = provider.poll(JOB_ID), provider.poll(JOB_ID)

    assert first == second
    assert first.media.content_type.startswith(("audio/", "video/"))
    assert emulator.ledger == []


def test_a_link_is_in_no_print_of_a_status(provider: AnyProvider) -> None:
    status = provider.poll(JOB_ID)

    assert "http" not in repr(status)


def test_a_job_of_nobody_is_unknown(provider: AnyProvider) -> None:
    with pytest.raises(JobUnknown) as caught:
        provider.poll("0" * 32)

    assert_tells_nothing(caught.value)


@pytest.mark.parametrize("status", sorted(LOST_BY))
def test_a_submit_that_may_have_been_taken_is_lost_and_a_look_is_not(
    provider: AnyProvider, room: JobRoom, wire: Wire, status: int
) -> None:
    room.fail(wire.generate_route, status=status, body="<html>Bad gateway</html>")
    with pytest.raises(OutcomeUnknown) as caught:
        provider.submit(wire.request)
    assert caught.value.detail == f"http_{status}"

    room.fail(status=status, body="<html>Bad gateway</html>")
    with pytest.raises(Unavailable) as missed:
        provider.poll(JOB_ID)
    assert type(missed.value) is Unavailable


def test_the_same_token_is_one_job_where_the_adapter_says_so(
    provider: AnyProvider, emulator: Emulator, wire: Wire
) -> None:
    tickets: list[Any] = [provider.submit(wire.request) for _ in range(2)]

    jobs = 1 if provider.idempotent_submit else 2
    assert len({ticket.job_id for ticket in tickets}) == len(emulator.ledger) == jobs


def test_a_job_is_given_time(provider: AnyProvider) -> None:
    assert 10 <= provider.usual_seconds <= 300
    assert provider.longest_seconds >= 5 * provider.usual_seconds
