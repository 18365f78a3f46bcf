"""What a check makes of a provider's answers: two verdicts, what was proven, and what is left on the account."""

from typing import Any

import pytest

from domain.db import db, utc_now
from domain.provider_configs import checks
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import check
from domain.provider_configs.models import FoundBy, Problem, Reason
from providers.base import Credentials, Provider
from providers.kinds import ProviderKind, StageType
from providers.registry import ADAPTERS, open_provider
from tests.builders import save_section, section, working_section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import KEY, OPENAI, OTHER_KEY, POEM, listed, working_openai
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator

pytestmark = on_one_database

VOICE, SONG, CLIP = StageType.VOICE, StageType.SONG, StageType.CLIP
MODELS = ("gpt-5.4", "gpt-5.4-mini")
CHOSEN = MODELS[1]
AWAY = {"status": 503, "times": None}
NO_LIST: dict[str, Any] = {"status": 404, "body": {"detail": "Not Found"}, "times": None}


@pytest.fixture(autouse=True)
def short_list(emulator: Emulator) -> None:
    """OpenAI lists two models."""
    emulator.openai.catalogue = tuple(Model(model, 1772600000 - number) for number, model in enumerate(MODELS))


def answer(stage_type: StageType = POEM) -> CheckResult:
    """What a check is told that begins now."""
    question = checks._begin(stage_type, utc_now())
    assert question is not None
    return checks._ask(question)


def proof_of(model: str = "", api_key: str = KEY) -> CheckResult:
    """What a check is told of a first key, with this model where one is named."""
    save_section(POEM, OPENAI, api_key=api_key, model=model)
    return answer()


def reason_of(finding: Problem | None) -> tuple[Reason, FoundBy] | None:
    return (finding.reason, finding.found_by) if finding else None


def test_a_key_that_works_is_asked_for_its_list_alone(emulator: Emulator) -> None:
    working_openai()
    proofs = len(emulator.proofs)

    assert answer() == CheckResult(models=MODELS)
    assert len(emulator.proofs) == proofs


@pytest.mark.parametrize(("named", "proven"), [("", MODELS[0]), (CHOSEN, CHOSEN), ("models/GPT-5.4-mini", CHOSEN)])
def test_a_new_key_is_proven_by_the_model_that_was_named_else_by_the_first(
    named: str, proven: str, emulator: Emulator
) -> None:
    assert proof_of(named) == CheckResult(models=MODELS, proven=proven)
    assert [proof.model for proof in emulator.proofs] == [proven]


def test_a_model_that_is_not_listed_is_named_and_nothing_is_proven(emulator: Emulator) -> None:
    lacks = Problem(Reason.MODEL_NOT_LISTED, "gpt-no-such")

    assert proof_of("gpt-no-such") == CheckResult(models=MODELS, finding=lacks)
    assert emulator.proofs == []


def test_a_model_in_use_is_tried_though_it_has_left_the_list(emulator: Emulator) -> None:
    working_openai()
    row = section()
    row.model, row.proof_requested = CHOSEN, True
    db.session.commit()
    emulator.openai.catalogue = emulator.openai.catalogue[:1]

    gone = Problem(Reason.MODEL_NOT_FOUND, "model_not_found", FoundBy.PROOF)
    assert answer() == CheckResult(models=MODELS[:1], finding=gone)


@pytest.mark.parametrize("named", ["", CHOSEN])
def test_of_an_empty_list_nothing_is_believed(named: str, emulator: Emulator) -> None:
    emulator.openai.catalogue = ()

    assert proof_of(named) == CheckResult(finding=Problem(Reason.UNAVAILABLE, "empty list"))


def test_a_proof_that_is_refused_says_so_beside_the_list(emulator: Emulator) -> None:
    emulator.openai.play("insufficient_quota", times=None)

    told = proof_of()

    assert told == CheckResult(models=MODELS, finding=told.finding)
    assert told.finding == Problem(Reason.NO_CREDIT, "insufficient_quota", FoundBy.PROOF)


def test_a_proof_that_is_malformed_for_the_model_names_it_unfit(emulator: Emulator) -> None:
    emulator.openai.play("unsupported_parameter", times=None)

    told = proof_of()

    assert told.finding == Problem(Reason.MODEL_UNFIT, "unsupported_parameter", FoundBy.PROOF)


def test_words_that_are_disliked_prove_the_model(emulator: Emulator) -> None:
    emulator.openai.play("invalid_prompt", times=None)

    assert proof_of() == CheckResult(models=MODELS, proven=MODELS[0])


def test_the_list_is_not_asked_for_again_with_a_proof_whose_answer_was_lost(emulator: Emulator) -> None:
    emulator.openai.fail("chat", "responses", cut=True, times=2)

    assert proof_of() == CheckResult(models=MODELS, proven=MODELS[0])
    assert listed(emulator) == 1


def test_a_key_that_may_not_list_is_proven_by_the_model_that_was_named(emulator: Emulator) -> None:
    emulator.openai.add_key("narrow", OTHER_KEY, scenario="may_not_list")

    told = proof_of(CHOSEN, OTHER_KEY)

    assert told == CheckResult(list_finding=told.list_finding, proven=CHOSEN)
    assert reason_of(told.list_finding) == (Reason.NO_PERMISSION, FoundBy.CHECK)


def test_a_key_that_may_not_list_and_has_no_model_is_told_why(emulator: Emulator) -> None:
    emulator.openai.add_key("narrow", OTHER_KEY, scenario="may_not_list")

    told = proof_of("", OTHER_KEY)

    assert told.list_finding is not None
    assert told.list_finding.detail
    assert told.finding == Problem(Reason.MODEL_NOT_CHOSEN, told.list_finding.detail)
    assert emulator.proofs == []


def test_a_key_that_works_and_may_not_list_goes_on(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.play("may_not_list", times=None)

    told = answer()

    assert told == CheckResult(list_finding=told.list_finding)
    assert reason_of(told.list_finding) == (Reason.NO_PERMISSION, FoundBy.CHECK)


def test_a_voice_that_may_not_be_made_is_no_fault_of_a_list(emulator: Emulator) -> None:
    emulator.speechkit.add_key("voice", OTHER_KEY, scenario="no_role")
    save_section(VOICE, ProviderKind.SPEECHKIT, api_key=OTHER_KEY)
    row = section(VOICE)
    row.activated_at = utc_now()
    db.session.commit()

    told = answer(VOICE)

    assert reason_of(told.finding) == (Reason.NO_PERMISSION, FoundBy.CHECK)
    assert told.list_finding is None


def test_a_clip_account_that_is_refused_its_catalogue_is_refused(emulator: Emulator) -> None:
    emulator.pika.add_key("clip", KEY, credit=7_000_000)
    save_section(CLIP, ProviderKind.PIKA, api_key=KEY)
    emulator.pika.fail("catalogue", status=403, body="", times=None)

    told = answer(CLIP)

    assert told == CheckResult(finding=told.finding)
    assert reason_of(told.finding) == (Reason.NO_PERMISSION, FoundBy.CHECK)


def test_a_gateway_without_a_list_is_proven_by_the_model_that_was_named(emulator: Emulator) -> None:
    emulator.openai.fail("models", **NO_LIST)

    told = proof_of(CHOSEN)

    assert told == CheckResult(list_finding=told.list_finding, proven=CHOSEN)
    assert reason_of(told.list_finding) == (Reason.NO_LIST, FoundBy.CHECK)


@pytest.mark.parametrize(
    ("faults", "reason"), [({"scenario": "insufficient_quota"}, Reason.NO_CREDIT), ({}, Reason.UNAVAILABLE)]
)
def test_a_gateway_without_a_list_that_refuses_the_proof_as_well_is_told_of_both(
    faults: dict[str, str], reason: Reason, emulator: Emulator
) -> None:
    emulator.openai.fail("models", **NO_LIST)
    if faults:
        emulator.openai.play(faults["scenario"], times=None)
    else:
        emulator.openai.fail("chat", "responses", **AWAY)

    told = proof_of(CHOSEN)

    assert reason_of(told.finding) == (reason, FoundBy.PROOF)
    assert reason_of(told.list_finding) == (Reason.NO_LIST, FoundBy.CHECK)
    assert told.proven == ""


def test_without_a_list_no_model_is_proven_that_nobody_named(emulator: Emulator) -> None:
    working_openai()
    save_section(POEM, OPENAI, api_key=OTHER_KEY)
    emulator.openai.fail("models", **AWAY)
    proofs = len(emulator.proofs)

    told = answer()

    assert told == CheckResult(finding=told.finding)
    assert reason_of(told.finding) == (Reason.UNAVAILABLE, FoundBy.CHECK)
    assert len(emulator.proofs) == proofs


def test_without_a_list_a_model_is_proven_that_the_candidate_names(emulator: Emulator) -> None:
    working_openai()
    save_section(POEM, OPENAI, api_key=OTHER_KEY, model=CHOSEN)
    emulator.openai.fail("models", **AWAY)

    assert answer().proven == CHOSEN


def test_a_key_that_is_refused_for_its_list_is_not_tried_with_a_proof(emulator: Emulator) -> None:
    emulator.openai.play("revoked", times=None)

    told = proof_of(CHOSEN)

    assert told == CheckResult(finding=told.finding)
    assert reason_of(told.finding) == (Reason.REJECTED, FoundBy.CHECK)
    assert emulator.proofs == []


def test_a_provider_that_is_away_is_away(emulator: Emulator) -> None:
    working_openai()
    emulator.openai.fail("models", **AWAY)

    told = answer()

    assert told == CheckResult(finding=told.finding)
    assert reason_of(told.finding) == (Reason.UNAVAILABLE, FoundBy.CHECK)
    assert told.finding is not None
    assert told.finding.detail


def test_an_account_whose_list_is_away_tells_what_is_left_all_the_same(emulator: Emulator) -> None:
    emulator.pika.add_key("clip", KEY, credit=7_000_000)
    save_section(CLIP, ProviderKind.PIKA, api_key=KEY)
    check(CLIP)
    models = tuple(section(CLIP).models_cache)
    assert answer_anew(CLIP) == CheckResult(models=models, balance=7_000_000)
    emulator.pika.fail("catalogue", **AWAY)

    told = answer_anew(CLIP)

    assert told == CheckResult(list_finding=told.list_finding, balance=7_000_000)
    assert reason_of(told.list_finding) == (Reason.UNAVAILABLE, FoundBy.CHECK)


def answer_anew(stage_type: StageType) -> CheckResult:
    """As ``answer``, though another check has begun."""
    section(stage_type).check_claimed_until = None
    db.session.commit()
    return answer(stage_type)


def test_an_account_is_proven_by_what_is_left(emulator: Emulator) -> None:
    key = emulator.suno.add_key("account", KEY, credit=0)
    save_section(SONG, ProviderKind.SUNO, api_key=KEY)
    told = answer(SONG)
    assert reason_of(told.finding) == (Reason.NO_CREDIT, FoundBy.PROOF)
    key.credit = 40

    told = answer_anew(SONG)

    assert told == CheckResult(models=told.models, proven=told.models[0], balance=40)


@pytest.mark.parametrize(("status", "detail"), [(200, "not a JSON object"), (400, "http_400")])
def test_what_says_nothing_of_the_settings_is_as_if_the_provider_were_away(
    status: int, detail: str, emulator: Emulator
) -> None:
    working_openai()
    emulator.openai.fail("models", status=status, body="<html>", times=None)

    assert answer() == CheckResult(finding=Problem(Reason.UNAVAILABLE, detail))


def test_a_refusal_without_words_is_told_by_its_code(emulator: Emulator) -> None:
    emulator.openai.fail("models", status=401, body="", times=None)

    assert proof_of().finding == Problem(Reason.REJECTED, "rejected")


def test_a_provider_that_this_release_cannot_speak_to_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    monkeypatch.delitem(ADAPTERS, OPENAI)

    assert answer() == CheckResult(finding=Problem(Reason.PROVIDER_OFF))


def test_a_key_that_cannot_be_opened_is_not_sent(emulator: Emulator) -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    section().api_key_encrypted = "v1.00000000.AAAA"
    db.session.commit()

    assert answer() == CheckResult(finding=Problem(Reason.UNREADABLE))
    assert emulator.requests == []


@pytest.mark.parametrize(("kind", "key"), [(ProviderKind.DUMMY, ""), (OPENAI, KEY)])
def test_a_provider_is_opened_with_its_key_if_it_has_one(
    kind: ProviderKind, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def note_and_open(kind: ProviderKind, credentials: Credentials) -> Provider:
        opened.append((kind, credentials))
        return open_provider(kind, credentials)

    monkeypatch.setattr(checks, "open_provider", note_and_open)
    save_section(POEM, kind, api_key=key)

    assert answer().finding is None

    [(opened_kind, credentials)] = opened
    assert (opened_kind, credentials.api_key) == (kind, key)


def test_a_provider_is_told_for_which_stage_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ADAPTERS[ProviderKind.DUMMY]
    told: list[tuple[Any, ...]] = []

    def listen_to(name: str) -> None:
        ask = getattr(adapter, name)

        def note_and_ask(provider: Provider, *asked: Any) -> Any:
            told.append((name, *asked))
            return ask(provider, *asked)

        monkeypatch.setattr(adapter, name, note_and_ask)

    for name in ("check_key", "list_models", "prove"):
        listen_to(name)
    model = working_section(VOICE).model
    check(VOICE)

    proven = [("list_models", VOICE), ("prove", VOICE, model)]
    assert told == [*proven, ("check_key", VOICE), ("list_models", VOICE)]


@pytest.mark.parametrize(("share", "seconds"), [(0, [1, 2, 4]), (1, [2, 3, 5])])
def test_it_is_asked_again_after_1_2_and_4_seconds_and_up_to_one_more(
    share: float, seconds: list[float], naps: list[float], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_openai()
    monkeypatch.setattr("tenacity.wait.random.uniform", lambda least, most: least + share * (most - least))
    emulator.openai.fail("models", **AWAY)

    answer()

    assert naps == seconds


@pytest.mark.parametrize(("wish", "sleeps"), [(29, 1), (31, 0)])
def test_no_attempt_begins_after_the_time_of_a_check(
    wish: int, sleeps: int, naps: list[float], emulator: Emulator
) -> None:
    working_openai()
    emulator.openai.fail("models", status=429, headers={"Retry-After": str(wish)}, times=1)

    answer()

    assert len(naps) == sleeps
