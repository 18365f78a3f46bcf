"""Checking keys against the emulated provider: what is promoted, what is refused, what is kept."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.generation import calls, outcomes
from domain.orders.models import StageState
from domain.provider_configs import checks, overview
from domain.provider_configs.changes import clear_section, restore_previous
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import check
from domain.provider_configs.models import Reason, Status
from providers.errors import PermissionMissing
from providers.kinds import ProviderKind, StageType
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

CLIP = StageType.CLIP


def test_a_first_key_that_passes_is_active_with_its_list_and_its_first_model() -> None:
    save_section(POEM, OPENAI, api_key=KEY)

    check(POEM)

    row = section()
    assert (row.status, row.reason, row.has_live) == (Status.ACTIVE, None, True)
    assert len(row.models_cache) > 1
    assert row.model == row.models_cache[0]
    assert row.models_cache_updated_at is not None
    assert row.check_requested_at is None


@on_one_database
def test_a_first_key_that_is_refused_is_invalid_and_says_why() -> None:
    save_section(POEM, OPENAI, api_key=WRONG_KEY)

    check(POEM)

    row = section()
    assert (row.status, row.reason, row.has_live) == (Status.INVALID, Reason.REJECTED, False)
    assert (row.models_cache, row.model) == ([], None)


def test_a_candidate_that_passes_takes_over_with_provider_key_list_and_model_at_once() -> None:
    working_section()
    save_section(POEM, OPENAI, api_key=KEY)
    version = section().version

    check(POEM)

    row = section()
    assert (row.provider_kind, row.status, row.api_key_last4) == (OPENAI, Status.ACTIVE, "a1b2")
    assert row.model in row.models_cache
    assert not row.has_candidate
    assert row.candidate_api_key_encrypted is None
    assert row.version == version + 1


@on_one_database
def test_a_candidate_that_is_refused_never_touches_what_works(emulator: Emulator) -> None:
    working_openai()
    before = section()
    kept = (before.api_key_encrypted, before.model, before.models_cache, before.models_cache_updated_at)

    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    check(POEM)

    row = section()
    assert (row.api_key_encrypted, row.model, row.models_cache, row.models_cache_updated_at) == kept
    assert row.status is Status.ACTIVE
    assert (row.candidate_status, row.candidate_reason) == (Status.INVALID, Reason.REJECTED)
    order = place_order()
    run(order)
    assert stage_of(order).state is StageState.DONE
    assert [charge.key for charge in emulator.ledger] == ["first"]


@on_one_database
def test_a_new_key_of_the_same_provider_keeps_the_model_in_use() -> None:
    working_openai()
    model = section().models_cache[2]
    save_section(POEM, OPENAI, model=model)

    save_section(POEM, OPENAI, api_key=OTHER_KEY, model=model)
    check(POEM)

    assert (section().api_key_last4, section().model) == ("c3d4", model)


@on_one_database
def test_a_new_key_without_a_choice_of_model_keeps_the_one_in_use() -> None:
    working_openai()
    model = section().models_cache[2]
    save_section(POEM, OPENAI, model=model)

    save_section(POEM, OPENAI, api_key=OTHER_KEY)
    check(POEM)

    assert (section().api_key_last4, section().model) == ("c3d4", model)


@on_one_database
@pytest.mark.parametrize("beside_a_working_one", [True, False])
def test_a_model_that_the_key_does_not_have_is_never_replaced_silently(beside_a_working_one: bool) -> None:
    if beside_a_working_one:
        working_section()
    save_section(POEM, OPENAI, api_key=KEY, model="gpt-no-such")

    check(POEM)

    row = section()
    if beside_a_working_one:
        found = (row.candidate_status, row.candidate_reason, row.candidate_model)
        offered = row.candidate_models
        assert row.provider_kind is ProviderKind.DUMMY
    else:
        found = (row.status, row.reason, row.model)
        offered = row.models_cache
    assert found == (Status.INVALID, Reason.MODEL_NOT_LISTED, "gpt-no-such")
    save_section(POEM, OPENAI, model=offered[1])
    check(POEM)
    assert (section().status, section().provider_kind, section().model) == (Status.ACTIVE, OPENAI, offered[1])


def test_a_check_that_ends_after_a_newer_save_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    ask = checks._ask

    def ask_as_another_key_is_saved_and_checked(question: checks.CheckRequest) -> CheckResult:
        monkeypatch.setattr(checks, "_ask", ask)
        answer = ask(question)
        save_section(POEM, OPENAI, api_key=KEY)
        check(POEM)
        assert section().status is Status.ACTIVE
        return answer

    monkeypatch.setattr(checks, "_ask", ask_as_another_key_is_saved_and_checked)
    check(POEM)

    assert (section().status, section().api_key_last4) == (Status.ACTIVE, "a1b2")


def test_two_checks_at_once_ask_once(emulator: Emulator) -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    first = checks._begin(POEM, utc_now())

    assert first is not None
    assert check(POEM) == []
    assert listed(emulator) == 0


@on_one_database
def test_a_key_that_cannot_be_opened_is_said_so_and_nothing_is_sent(emulator: Emulator) -> None:
    working_openai()
    row = section()
    row.api_key_encrypted = "v1.00000000.AAAA"
    db.session.commit()
    before = listed(emulator)

    check(POEM)

    assert (section().status, section().reason) == (Status.INVALID, Reason.UNREADABLE)
    assert listed(emulator) == before


@on_one_database
def test_a_model_that_the_provider_refused_stays_refused_until_another_is_chosen(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("model_not_found")
    order = place_order()
    run(order)
    assert (section().status, section().reason) == (Status.INVALID, Reason.MODEL_NOT_FOUND)
    row = section()
    gone = row.model
    row.model = "gpt-gone"
    db.session.commit()

    check(POEM)
    assert section().reason is Reason.MODEL_NOT_FOUND

    assert save_section(POEM, OPENAI, model=gone or "").check_needed
    check(POEM)
    run(order)
    assert stage_of(order).state is StageState.DONE


@on_one_database
def test_a_chosen_model_that_has_left_the_list_is_kept() -> None:
    working_openai()
    row = section()
    row.model = "gpt-left"
    db.session.commit()

    check(POEM)

    assert (section().status, section().model) == (Status.ACTIVE, "gpt-left")


@on_one_database
def test_the_environments_key_makes_poems_with_the_first_model_of_its_list(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(openai_api_key=SecretStr(KEY))
    order = place_order()

    run(order)

    stage = stage_of(order)
    assert (stage.state, stage.provider_kind) == (StageState.DONE, OPENAI)
    assert stage.model
    assert [charge.key for charge in emulator.ledger] == ["first"]


@on_one_database
def test_a_generation_that_came_too_fast_waits_as_long_as_the_provider_asks(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.fail("chat", status=429, headers={"Retry-After": "900"})
    order = place_order()
    now = utc_now()

    run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.QUEUED, "rate_limited")
    assert 0.75 * 900 < (stage.due_at - now).total_seconds() < 1.25 * 900


def test_two_orders_that_meet_a_refusal_at_once_start_one_check(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("may_not_generate", times=None)
    first, second = place_order(), place_order()
    in_flight = calls.take(stage_of(second).id)
    assert isinstance(in_flight, calls.Call)
    assert run(first).check is POEM

    refusal = PermissionMissing(OPENAI)
    assert outcomes.record_error(in_flight, refusal, paid=True) is None
    assert (stage_of(second).state, stage_of(second).reason) == (StageState.WAITING, Reason.NO_PERMISSION)


@on_one_database
def test_a_lost_answer_is_asked_for_once_more_and_no_more(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.fail("chat", cut=True, times=None)
    order = place_order()

    run(order)
    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.QUEUED, "answer_lost")
    stage.due_at = utc_now()
    db.session.commit()
    run(order)

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.ATTENTION, "answer_lost")
    assert len(emulator.ledger) == 2


@on_one_database
def test_a_provider_that_never_got_the_request_is_tried_again_without_counting_a_loss(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    working_openai()
    change_settings(openai_base_url="http://127.0.0.1:9")
    order = place_order()

    run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason, stage.lost_answers) == (StageState.QUEUED, "unavailable", 0)


@on_one_database
def test_what_a_candidate_replaces_is_kept_for_the_way_back() -> None:
    working_openai()
    before = section()
    sealed, model = before.api_key_encrypted, before.model
    save_section(POEM, OPENAI, api_key=OTHER_KEY)

    check(POEM)

    row = section()
    assert (row.previous_provider_kind, row.previous_api_key_encrypted) == (OPENAI, sealed)
    assert (row.previous_api_key_last4, row.previous_model) == (KEY[-4:], model)
    restore_previous(POEM, "admin")
    check(POEM)
    assert (section().api_key_last4, section().previous_api_key_last4) == (KEY[-4:], OTHER_KEY[-4:])


def test_jobs_of_a_key_that_was_replaced_or_removed_are_counted_as_its_own(emulator: Emulator) -> None:
    for name, key in (("first", KEY), ("other", OTHER_KEY)):
        emulator.pika.add_key(name, key)
    save_section(CLIP, ProviderKind.PIKA, api_key=KEY)
    check(CLIP)
    run(place_order(frozenset({CLIP}), poem="Море"), CLIP)
    assert overview.one(CLIP).on_previous_key == 0

    save_section(CLIP, ProviderKind.PIKA, api_key=OTHER_KEY)
    check(CLIP)
    assert overview.one(CLIP).on_previous_key == 1
    clear_section(CLIP, "admin")
    save_section(CLIP, ProviderKind.PIKA, api_key=KEY)
    check(CLIP)

    assert overview.one(CLIP).on_previous_key == 1
