"""What comes by itself: passing failures, healing, refreshes, and what a check does for waiting orders."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.db import db, utc_now
from domain.orders.models import StageState
from domain.provider_configs import changes, checks
from domain.provider_configs.checks import check
from domain.provider_configs.history import HistoryEntry
from domain.provider_configs.models import Reason, Status
from providers.kinds import StageType
from tests.builders import place_order, run, save_section, section, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import (
    KEY,
    OPENAI,
    OTHER_KEY,
    POEM,
    WRONG_KEY,
    listed,
    working_openai,
)
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock


def test_a_candidate_whose_provider_was_away_is_checked_again_by_itself_and_a_refused_one_is_not(
    emulator: Emulator, clock: StoppedClock
) -> None:
    working_section()
    save_section(POEM, OPENAI, api_key=KEY)
    emulator.openai.fail("models", status=503, times=4)
    check(POEM)
    assert (section().candidate_status, section().candidate_reason) == (Status.INVALID, Reason.UNAVAILABLE)
    clock.shift(timedelta(minutes=2))
    assert checks.due_checks(utc_now(), timedelta(0)) == [POEM]
    check(POEM)
    assert section().provider_kind is OPENAI

    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    check(POEM)

    assert section().candidate_reason is Reason.REJECTED
    assert checks.due_checks(utc_now() + timedelta(hours=2), timedelta(0)) == []


@on_one_database
def test_a_candidate_is_checked_again_soon_however_often_the_live_setting_has_failed(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("revoked", times=None)
    for _ in range(5):
        check(POEM)
    emulator.openai.clear_faults()
    save_section(POEM, OPENAI, api_key=OTHER_KEY)
    emulator.openai.fail("models", status=503, times=None)
    delays = []

    for minutes in (0, 5, 15, 50, 90):
        row = section()
        row.candidate_saved_at = utc_now() - timedelta(minutes=minutes)
        row.candidate_next_check_at = utc_now()
        db.session.commit()
        check(POEM)
        planned = section().candidate_next_check_at
        assert planned is not None
        delays.append(round((planned - utc_now()) / timedelta(minutes=1)))

    assert delays == [1, 1, 5, 5, 60]


@on_one_database
@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("revoked", Reason.REJECTED),
        ("region", Reason.REGION),
    ],
)
def test_a_refused_refresh_marks_the_section_and_keeps_the_list(
    emulator: Emulator, scenario: str, reason: Reason
) -> None:
    working_openai()
    models, fetched_at = section().models_cache, section().models_cache_updated_at
    emulator.openai.play(scenario, times=None)

    check(POEM)

    row = section()
    assert (row.status, row.reason) == (Status.INVALID, reason)
    assert (row.models_cache, row.models_cache_updated_at) == (models, fetched_at)


@on_one_database
@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 502, "body": "<html>"}, {"cut": True}])
def test_a_provider_that_is_away_is_asked_four_times_and_blocks_no_order(
    emulator: Emulator, naps: list[float], fault: dict[str, object]
) -> None:
    working_openai()
    emulator.openai.fail("models", times=4, **fault)
    before = listed(emulator)

    check(POEM)

    assert listed(emulator) - before == 4
    assert len(naps) == 3
    assert naps == sorted(naps)
    assert (section().status, section().reason) == (Status.INVALID, Reason.UNAVAILABLE)
    order = place_order()
    run(order)
    assert stage_of(order).state is StageState.DONE


@on_one_database
def test_a_provider_that_stumbles_once_has_passed(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.fail("models", status=503, times=1)

    check(POEM)

    assert section().status is Status.ACTIVE


@on_one_database
def test_a_refusal_is_asked_only_once(emulator: Emulator) -> None:
    save_section(POEM, OPENAI, api_key=WRONG_KEY)

    check(POEM)

    assert listed(emulator) == 1


@on_one_database
def test_the_providers_own_wish_is_waited_for(emulator: Emulator, naps: list[float]) -> None:
    working_openai()
    emulator.openai.fail("models", status=429, headers={"Retry-After": "7"}, times=1)

    check(POEM)

    assert naps == [7]
    assert section().status is Status.ACTIVE


@on_one_database
def test_a_long_wish_is_reported_instead_of_slept_through(emulator: Emulator, naps: list[float]) -> None:
    working_openai()
    emulator.openai.fail("models", status=429, headers={"Retry-After": "600"}, times=None)

    check(POEM)

    assert naps == []
    assert (section().status, section().reason) == (Status.INVALID, Reason.RATE_LIMITED)


@on_one_database
def test_an_empty_list_is_not_believed(emulator: Emulator) -> None:
    working_openai()
    models = section().models_cache
    emulator.openai.fail("models", status=200, body={"object": "list", "data": []}, times=None)

    check(POEM)

    assert (section().models_cache, section().models_doubted_since is None) == (models, False)
    assert section().status is Status.ACTIVE


@on_one_database
def test_an_invalid_section_heals_after_1_5_15_and_then_every_60_minutes(
    emulator: Emulator, clock: StoppedClock
) -> None:
    working_openai()
    emulator.openai.play("revoked", times=None)
    delays = []
    for _ in range(5):
        now = utc_now()
        check(POEM)
        planned = section().next_check_at
        assert planned is not None
        delays.append(round((planned - now).total_seconds() / 60))
        # Whoever asks meanwhile puts nothing off.
        check(POEM)
        assert section().next_check_at == planned
        clock.move_to(planned)
    emulator.openai.clear_faults()

    check(POEM)

    assert delays == [1, 5, 15, 60, 60]
    assert (section().status, section().next_check_at, section().failed_checks) == (Status.ACTIVE, None, 0)


def test_a_section_that_works_again_lets_its_orders_go_on(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("revoked", times=None)
    check(POEM)
    order = place_order()
    run(order)
    assert (stage_of(order).state, stage_of(order).reason) == (StageState.WAITING, "rejected")
    emulator.openai.clear_faults()

    [ready] = check(POEM)

    assert ready.stage_id == stage_of(order).id
    run(order)
    assert stage_of(order).state is StageState.DONE


def test_only_lists_of_24_hours_and_older_are_refreshed() -> None:
    working_openai()
    working_section(StageType.VOICE)
    fetched_at = section().models_cache_updated_at
    assert fetched_at is not None
    day = timedelta(hours=24)
    voice = section(StageType.VOICE)
    voice.models_cache_updated_at = fetched_at + timedelta(hours=1)
    db.session.commit()

    assert checks.request_stale_refreshes(fetched_at + day - timedelta(seconds=1)) == []
    assert checks.request_stale_refreshes(fetched_at + day) == [POEM]
    assert checks.request_stale_refreshes(fetched_at + day) == []


@on_one_database
def test_a_removed_key_is_not_refreshed() -> None:
    working_openai()
    changes.clear_section(POEM, "admin")

    assert checks.request_stale_refreshes(utc_now() + timedelta(hours=48)) == []


def test_what_checks_found_is_in_the_history_without_the_key(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("revoked", times=1)
    check(POEM)
    check(POEM)

    entries = list(
        db.session.scalars(select(HistoryEntry).where(HistoryEntry.actor == "check").order_by(HistoryEntry.id))
    )
    assert [entry.event for entry in entries] == ["check_passed", "section_invalid", "section_recovered"]
    assert KEY not in str([entry.facts for entry in entries])
