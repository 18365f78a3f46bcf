"""The moves of a stage: who may make them, what each writes, and how the order follows."""

from datetime import timedelta

import pytest

from domain.db import db, utc_now
from domain.orders import stages
from domain.orders.leases import LEASE
from domain.orders.models import Order, OrderState, Ready, StageState
from domain.orders.stages import Claim
from providers.kinds import ProviderKind, StageType
from tests.builders import claimed, place_order, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
SECOND = timedelta(seconds=1)


def submitted(*seconds_due: int, kind: ProviderKind = ProviderKind.SUNO) -> list[int]:
    """Songs whose jobs are to be looked at so many seconds from now; the ids of their stages."""
    ids = []
    for seconds in seconds_due:
        order = place_order(frozenset({SONG}), poem="Море")
        due_at = utc_now() + seconds * SECOND
        set_state(order.id, SONG, StageState.SUBMITTED, due_at=due_at, provider_kind=kind)
        ids.append(stage_of(order, SONG).id)
    return ids


def state_of(order: Order) -> OrderState:
    db.session.rollback()
    return order.state


def test_whoever_claims_a_stage_has_it_for_a_lease() -> None:
    order, now = place_order(), utc_now()

    with changes_of(order) as changed:
        stage = stages.claim(stage_of(order).id, now)
        assert stage is not None
        db.session.commit()

    times = {"started_at": now, "resolved_at": now}
    assert changed == {"state": StageState.RUNNING, "claim": 1, "lease_until": now + LEASE, **times}


@pytest.mark.parametrize("state", [state for state in StageState if state is not StageState.QUEUED])
def test_nobody_claims_a_stage_that_is_not_queued(state: StageState) -> None:
    order = place_order()
    set_state(order.id, POEM, state)

    assert stages.claim(stage_of(order).id, utc_now()) is None


def test_nobody_claims_a_stage_before_its_time() -> None:
    order = place_order()
    set_state(order.id, POEM, StageState.QUEUED, due_at=utc_now() + SECOND)

    assert stages.claim(stage_of(order).id, utc_now()) is None
    assert stages.claim(stage_of(order).id, utc_now() + SECOND) is not None


def test_a_move_writes_what_it_was_given_and_its_order_follows() -> None:
    order = place_order()
    claimed(stage_of(order).id)

    with changes_of(order) as changed:
        assert stages.transition(stage_of(order), {StageState.RUNNING}, state=StageState.FAILED, reason="why")
        db.session.commit()

    assert changed == {"state": StageState.FAILED, "reason": "why"}
    assert state_of(order) is OrderState.FAILED


def test_a_move_moves_no_other_stage() -> None:
    order, other = place_order(frozenset({POEM, VOICE})), place_order()
    states = {StageState.QUEUED, StageState.BLOCKED}

    with changes_of(order, VOICE) as of_beside, changes_of(other) as of_other:
        assert stages.transition(stage_of(order), states, state=StageState.FAILED)
        db.session.commit()

    assert (of_beside, of_other) == ({}, {})
    assert stage_of(order).state is StageState.FAILED


def test_a_move_says_when_it_was_made(clock: StoppedClock) -> None:
    order = place_order()
    clock.shift(7)

    assert stages.transition(stage_of(order), {StageState.QUEUED}, reason="why")
    db.session.commit()

    assert (stage_of(order).updated_at, order.updated_at) == (utc_now(), utc_now())


def test_a_first_move_leaves_the_order_to_its_caller() -> None:
    order = place_order()

    assert stages.move_first(stage_of(order), {StageState.QUEUED}, state=StageState.FAILED)
    db.session.commit()
    assert state_of(order) is OrderState.RUNNING
    stages.update_order_states([order.id])
    db.session.commit()

    assert state_of(order) is OrderState.FAILED


def test_a_move_out_of_another_state_changes_nothing() -> None:
    order = place_order()

    with changes_of(order) as changed:
        assert not stages.transition(stage_of(order), {StageState.RUNNING}, state=StageState.FAILED)
        db.session.commit()

    assert changed == {}
    assert state_of(order) is OrderState.RUNNING


def test_a_move_with_an_outdated_claim_changes_nothing() -> None:
    order = place_order()
    outdated = stage_of(order)
    db.session.expunge(outdated)
    claimed(outdated.id)

    with changes_of(order) as changed:
        assert not stages.transition(outdated, set(StageState), state=StageState.FAILED)
        db.session.commit()

    assert changed == {}


@pytest.mark.parametrize(
    ("poem", "song", "follows"),
    [
        (StageState.DONE, StageState.QUEUED, OrderState.RUNNING),
        (StageState.ATTENTION, StageState.UNCERTAIN, OrderState.RUNNING),
        (StageState.WAITING, StageState.ATTENTION, OrderState.ATTENTION),
        (StageState.FAILED, StageState.WAITING, OrderState.WAITING),
        (StageState.FAILED, StageState.BLOCKED, OrderState.FAILED),
        (StageState.DONE, StageState.FAILED, OrderState.FAILED),
        (StageState.DONE, StageState.DONE, OrderState.DONE),
    ],
)
def test_an_order_is_where_the_most_urgent_of_its_stages_is(
    poem: StageState, song: StageState, follows: OrderState
) -> None:
    order = place_order(frozenset({POEM, SONG}))

    set_state(order.id, POEM, poem)
    set_state(order.id, SONG, song)

    assert state_of(order) is follows


def test_those_are_taken_first_that_have_been_due_for_longest() -> None:
    just_now, late, latest, not_yet = submitted(0, -20, -30, 1)
    now = utc_now()

    assert stages.count_due(StageState.SUBMITTED, ProviderKind.SUNO, now, 10) == 3
    assert stages.count_due(StageState.SUBMITTED, ProviderKind.SUNO, now, 2) == 2
    assert stages.take_due(StageState.SUBMITTED, now, 2, ProviderKind.SUNO) == [Claim(late, 1), Claim(latest, 1)]
    assert stages.take_due(StageState.SUBMITTED, now, 2, ProviderKind.SUNO) == [Claim(just_now, 1)]
    assert stages.count_due(StageState.SUBMITTED, ProviderKind.SUNO, now, 10) == 0
    assert stages.take_due(StageState.SUBMITTED, now + SECOND, 2, ProviderKind.SUNO) == [Claim(not_yet, 1)]


def test_what_was_taken_is_held_for_a_lease_and_stays_where_it_is() -> None:
    [stage_id] = submitted(0)
    order, now = place_order(), utc_now()
    stage = stage_of(order)
    set_state(order.id, POEM, StageState.SUBMITTED, provider_kind=ProviderKind.SUNO)

    with changes_of(order) as changed:
        taken = stages.take_due(StageState.SUBMITTED, now, 10)
        db.session.commit()

    assert taken == [Claim(stage_id, 1), Claim(stage.id, 1)]
    assert changed == {"claim": 1, "lease_until": now + LEASE}
    assert stages.take_due(StageState.SUBMITTED, now + LEASE, 10) == []
    assert stages.take_due(StageState.SUBMITTED, now + LEASE + SECOND, 10) == [
        Claim(stage_id, 2),
        Claim(stage.id, 2),
    ]


def test_only_jobs_of_the_provider_and_in_the_state_are_taken_that_were_asked_for() -> None:
    [suno] = submitted(0)
    [pika] = submitted(0, kind=ProviderKind.PIKA)

    assert stages.count_due(StageState.UNCERTAIN, ProviderKind.PIKA, utc_now(), 10) == 0
    assert stages.count_due(StageState.SUBMITTED, ProviderKind.PIKA, utc_now(), 10) == 1
    assert stages.take_due(StageState.UNCERTAIN, utc_now(), 10) == []
    assert stages.take_due(StageState.SUBMITTED, utc_now(), 10, ProviderKind.PIKA) == [Claim(pika, 1)]
    assert stages.take_due(StageState.SUBMITTED, utc_now(), 10) == [Claim(suno, 1)]


def test_only_what_waited_for_the_poem_of_this_order_starts_with_it(clock: StoppedClock) -> None:
    order, other = place_order(frozenset({POEM, VOICE, SONG})), place_order(frozenset({POEM, VOICE}))
    set_state(order.id, SONG, StageState.DONE)
    voice_id = stage_of(order, VOICE).id
    clock.shift(7)

    with changes_of(order, VOICE) as changed, changes_of(other, VOICE) as of_other:
        assert stages.unblock(order.id, utc_now()) == [Ready(voice_id, VOICE)]
        db.session.commit()

    assert changed == {"state": StageState.QUEUED, "due_at": utc_now(), "published_at": utc_now()}
    assert of_other == {}
