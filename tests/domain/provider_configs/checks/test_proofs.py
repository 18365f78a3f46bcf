"""Proofs: a key that lists but may not generate never counts as working, and one that only generates does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.orders.models import StageState
from domain.provider_configs import changes, checks, overview
from domain.provider_configs.checks import check
from domain.provider_configs.history import page_of
from domain.provider_configs.models import FoundBy, Reason, Status
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, save_section, section, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import KEY, OPENAI, OTHER_KEY, POEM, WRONG_KEY, working_openai
from tests.emulator.server import Emulator

pytestmark = on_one_database

GEMINI, YANDEX_GPT, SUNO, PIKA = ProviderKind.GEMINI, ProviderKind.YANDEX_GPT, ProviderKind.SUNO, ProviderKind.PIKA
SPEECHKIT = ProviderKind.SPEECHKIT
#: Keys that list their models and may not generate.
ONLY_LISTING = [
    (OPENAI, "insufficient_quota", Reason.NO_CREDIT),
    (OPENAI, "may_not_generate", Reason.NO_PERMISSION),
    (OPENAI, "not_verified", Reason.NO_PERMISSION),
    (GEMINI, "prepaid_402", Reason.NO_CREDIT),
    (GEMINI, "no_free_tier", Reason.NO_CREDIT),
    (YANDEX_GPT, "denied", Reason.NO_PERMISSION),
]


@pytest.mark.parametrize(("kind", "scenario", "reason"), ONLY_LISTING)
def test_a_key_that_lists_and_may_not_generate_never_replaces_one_that_works(
    emulator: Emulator, kind: ProviderKind, scenario: str, reason: Reason
) -> None:
    working_section()
    emulator.rooms[kind].add_key("poor", OTHER_KEY, scenario=scenario)
    save_section(POEM, kind, api_key=OTHER_KEY)

    check(POEM)

    row = section()
    assert (row.candidate_status, row.candidate_reason) == (Status.INVALID, reason)
    assert (row.provider_kind, row.status) == (ProviderKind.DUMMY, Status.ACTIVE)
    assert len(row.candidate_models) > 1


@pytest.mark.parametrize(("kind", "scenario", "reason"), ONLY_LISTING)
def test_a_first_key_that_lists_and_may_not_generate_does_not_work_and_heals_when_it_may(
    emulator: Emulator, kind: ProviderKind, scenario: str, reason: Reason
) -> None:
    poor = emulator.rooms[kind].add_key("poor", OTHER_KEY, scenario=scenario)
    save_section(POEM, kind, api_key=OTHER_KEY)

    check(POEM)

    row = section()
    assert (row.status, row.reason, row.found_by, row.has_live) == (Status.INVALID, reason, FoundBy.PROOF, False)
    assert overview.one(POEM).blocked is reason
    assert len(row.models_cache) > 1
    poor.scenario = None
    assert checks.due_checks(utc_now() + timedelta(minutes=1), timedelta(0)) == [POEM]
    check(POEM)
    assert (section().status, section().model) == (Status.ACTIVE, section().models_cache[0])
    assert emulator.ledger == []


@pytest.mark.parametrize("kind", [OPENAI, GEMINI, YANDEX_GPT])
def test_a_proof_is_a_text_of_a_few_tokens_and_a_refresh_costs_nothing(emulator: Emulator, kind: ProviderKind) -> None:
    emulator.rooms[kind].add_key("good", OTHER_KEY)
    save_section(POEM, kind, api_key=OTHER_KEY)

    check(POEM)
    assert [(proof.key, proof.model) for proof in emulator.proofs] == [("good", section().model)]
    check(POEM)

    assert len(emulator.proofs) == 1
    assert emulator.ledger == []


@pytest.mark.parametrize(("kind", "stage_type"), [(SUNO, StageType.SONG), (PIKA, StageType.CLIP)])
def test_an_account_that_tells_its_balance_is_proven_by_it_for_nothing(
    emulator: Emulator, kind: ProviderKind, stage_type: StageType
) -> None:
    room = emulator.rooms[kind]
    key = room.add_key("account", OTHER_KEY, credit=0)
    save_section(stage_type, kind, api_key=OTHER_KEY)
    check(stage_type)
    assert (section(stage_type).status, section(stage_type).reason) == (Status.INVALID, Reason.NO_CREDIT)

    key.credit = 7 * room.price
    changes.request_check(stage_type, "admin")
    check(stage_type)

    assert section(stage_type).status is Status.ACTIVE
    assert section(stage_type).balance == 7 * room.price
    assert emulator.ledger == emulator.proofs == []


def test_speechkit_is_proven_by_one_character(emulator: Emulator) -> None:
    emulator.speechkit.add_key("voice", OTHER_KEY)
    save_section(StageType.VOICE, SPEECHKIT, api_key=OTHER_KEY, model="zahar")

    check(StageType.VOICE)

    assert (section(StageType.VOICE).status, section(StageType.VOICE).model) == (Status.ACTIVE, "zahar")
    assert [charge.units for charge in emulator.ledger] == [1]


@pytest.mark.parametrize("scenario", ["insufficient_quota", "may_not_generate", "model_not_found"])
def test_what_an_order_was_refused_for_is_not_over_because_the_list_comes(emulator: Emulator, scenario: str) -> None:
    working_openai()
    emulator.openai.play(scenario, times=None)
    order = place_order()
    assert run(order).check is POEM
    found = (section().status, section().reason, section().found_by, section().status_since)

    for _ in range(3):
        check(POEM)
        assert (section().status, section().reason, section().found_by, section().status_since) == found
        assert stage_of(order).state is StageState.WAITING

    assert found[0] is Status.INVALID
    assert overview.one(POEM).blocked is found[1]
    assert "section_recovered" not in [entry.event for entry in page_of(POEM, 50)]


def test_a_check_that_a_person_asks_for_proves_the_settings_and_lifts_what_an_order_met(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("insufficient_quota", times=1)
    order = place_order()
    run(order)
    check(POEM)
    assert section().status is Status.INVALID

    changes.request_check(POEM, "admin")
    [ready] = check(POEM)

    assert section().status is Status.ACTIVE
    assert ready.stage_id == stage_of(order).id
    assert stage_of(order).due_at <= utc_now()


def test_a_check_that_a_person_asks_for_finds_that_a_working_section_may_no_longer_generate(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("insufficient_quota", times=None)

    check(POEM)
    assert section().status is Status.ACTIVE
    changes.request_check(POEM, "admin")
    check(POEM)

    assert (section().status, section().reason, section().found_by) == (
        Status.INVALID,
        Reason.NO_CREDIT,
        FoundBy.PROOF,
    )


def test_a_refused_key_that_is_then_revoked_says_so_and_needs_a_proof_all_the_same(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("insufficient_quota", times=1)
    run(place_order())
    emulator.openai.play("revoked", times=1)
    check(POEM)
    assert (section().reason, section().found_by) == (Reason.REJECTED, FoundBy.GENERATION)

    check(POEM)

    assert (section().status, section().reason) == (Status.INVALID, Reason.REJECTED)


def test_a_provider_that_is_away_at_a_check_hides_nothing_of_a_refusal(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("insufficient_quota", times=1)
    run(place_order())
    emulator.openai.fail("models", status=503, times=4)

    check(POEM)

    assert (section().status, section().reason) == (Status.INVALID, Reason.NO_CREDIT)


def test_a_refusal_that_comes_while_the_provider_seems_away_blocks_the_section(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.fail("models", status=503, times=4)
    check(POEM)
    assert (section().reason, overview.one(POEM).blocked) == (Reason.UNAVAILABLE, None)
    emulator.openai.play("insufficient_quota", times=None)

    run(place_order())

    assert overview.one(POEM).blocked is Reason.NO_CREDIT


def test_a_balance_that_was_not_enough_is_no_proof_until_it_has_grown(emulator: Emulator) -> None:
    song = StageType.SONG
    key = emulator.suno.add_key("account", OTHER_KEY, credit=4)
    save_section(song, SUNO, api_key=OTHER_KEY)
    check(song)
    emulator.suno.play("no_credit", times=None)
    order = place_order(frozenset({song}), poem="Море")
    run(order, song)
    check(song)
    # Nobody waits any more, so the balance is all that can be asked.
    stage = stage_of(order, song)
    stage.state = StageState.FAILED
    db.session.commit()
    assert checks.due_checks(utc_now() + timedelta(minutes=1), timedelta(0)) == [song]

    check(song)
    assert (section(song).status, section(song).reason) == (Status.INVALID, Reason.NO_CREDIT)
    key.credit = 100
    assert checks.due_checks(utc_now() + timedelta(minutes=5), timedelta(0)) == [song]
    check(song)

    assert section(song).status is Status.ACTIVE


def test_a_key_that_may_generate_and_not_list_is_accepted_with_the_model_that_was_typed(emulator: Emulator) -> None:
    working_section()
    emulator.openai.add_key("narrow", OTHER_KEY, scenario="may_not_list")
    save_section(POEM, OPENAI, api_key=OTHER_KEY, model="gpt-5.4-mini")

    check(POEM)

    row = section()
    assert (row.status, row.provider_kind, row.model) == (Status.ACTIVE, OPENAI, "gpt-5.4-mini")
    assert (row.models_reason, row.models_cache) == (Reason.NO_PERMISSION, [])
    order = place_order()
    run(order)
    assert stage_of(order).state is StageState.DONE


@pytest.mark.parametrize("beside_a_working_one", [True, False])
def test_a_key_that_may_not_list_asks_for_the_name_of_a_model(emulator: Emulator, beside_a_working_one: bool) -> None:
    if beside_a_working_one:
        working_section()
    emulator.openai.add_key("narrow", OTHER_KEY, scenario="may_not_list")
    save_section(POEM, OPENAI, api_key=OTHER_KEY)

    check(POEM)
    row = section()
    assert (row.candidate_reason if beside_a_working_one else row.reason) is Reason.MODEL_NOT_CHOSEN
    save_section(POEM, OPENAI, model="gpt-5.4")
    check(POEM)

    assert (section().status, section().provider_kind, section().model) == (Status.ACTIVE, OPENAI, "gpt-5.4")


def test_a_live_key_that_may_no_longer_list_goes_on_and_says_so_of_its_list(emulator: Emulator) -> None:
    working_openai()
    models = section().models_cache
    emulator.openai.play("may_not_list", times=None)

    check(POEM)

    assert (section().status, section().models_reason) == (Status.ACTIVE, Reason.NO_PERMISSION)
    assert section().models_cache == models


def test_a_typed_model_is_tried_beside_the_one_that_works(emulator: Emulator) -> None:
    emulator.openai.add_key("narrow", OTHER_KEY, scenario="may_not_list")
    save_section(POEM, OPENAI, api_key=OTHER_KEY, model="gpt-5.4")
    check(POEM)

    save_section(POEM, OPENAI, model="gpt-no-such")
    check(POEM)

    row = section()
    assert (row.status, row.model) == (Status.ACTIVE, "gpt-5.4")
    assert (row.candidate_reason, row.candidate_model) == (Reason.MODEL_NOT_FOUND, "gpt-no-such")
    save_section(POEM, OPENAI, model="gpt-5.4-mini")
    check(POEM)
    assert (section().model, section().has_candidate, section().key_version) == ("gpt-5.4-mini", False, 1)


def test_a_gateway_that_has_no_list_serves_the_model_that_was_typed(emulator: Emulator) -> None:
    emulator.openai.fail("models", status=404, body={"detail": "Not Found"}, times=None)
    save_section(POEM, OPENAI, api_key=KEY, model="gpt-5.4")

    check(POEM)

    assert (section().status, section().model, section().models_reason) == (
        Status.ACTIVE,
        "gpt-5.4",
        Reason.NO_LIST,
    )


def test_a_model_that_takes_no_request_is_named_unfit(emulator: Emulator) -> None:
    working_section()
    emulator.openai.play("unsupported_parameter", times=None)
    save_section(POEM, OPENAI, api_key=KEY)

    check(POEM)

    assert section().candidate_reason is Reason.MODEL_UNFIT


def test_a_filter_that_dislikes_the_few_words_has_proven_the_key(emulator: Emulator) -> None:
    working_section()
    emulator.openai.play("invalid_prompt", times=None)
    save_section(POEM, OPENAI, api_key=KEY)

    check(POEM)

    assert section().provider_kind is OPENAI


def test_a_proof_whose_answer_is_lost_is_asked_for_again(emulator: Emulator) -> None:
    emulator.openai.fail("chat", cut=True, times=2)
    save_section(POEM, OPENAI, api_key=KEY)

    check(POEM)

    assert section().status is Status.ACTIVE
    assert len(emulator.proofs) == 3


def test_a_refused_candidate_does_not_end_the_healing_of_what_is_in_use(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("revoked", times=1)
    check(POEM)
    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    check(POEM)
    assert section().candidate_reason is Reason.REJECTED

    assert checks.due_checks(utc_now() + timedelta(minutes=5), timedelta(0)) == [POEM]
    check(POEM)

    assert section().status is Status.ACTIVE


def test_a_proof_that_is_asked_for_as_a_candidate_waits_is_made_once_that_has_been_checked(emulator: Emulator) -> None:
    working_openai()
    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    changes.request_check(POEM, "admin")

    check(POEM)
    assert section().candidate_status is Status.INVALID
    assert section().is_checking
    emulator.openai.play("insufficient_quota", times=None)
    check(POEM)

    assert (section().reason, section().is_checking) == (Reason.NO_CREDIT, False)


def test_another_listed_model_is_proven_where_an_order_was_refused(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("project_without_model", times=1)
    run(place_order())
    assert section().status is Status.INVALID

    assert save_section(POEM, OPENAI, model=section().models_cache[2]).check_needed
    check(POEM)

    assert section().status is Status.ACTIVE


def test_a_key_of_the_environment_that_is_refused_is_not_called_ready(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(openai_api_key=SecretStr(KEY))
    emulator.openai.play("insufficient_quota", times=None)
    assert overview.one(POEM).blocked is None

    run(place_order())

    assert overview.one(POEM).blocked is Reason.NO_CREDIT
