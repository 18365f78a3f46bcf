"""What an answer means for the section, in every column and in the history."""

from typing import Any

import pytest

from domain.db import db, utc_now
from domain.provider_configs import check_results
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.history import page_of
from domain.provider_configs.models import FoundBy, Problem, ProviderConfig, Reason, Status
from providers.base import Model
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section, working_section
from tests.database_kinds import on_one_database
from tests.domain.row_changes import columns, differences
from tests.stopped_clock import NOON, StoppedClock

pytestmark = on_one_database

POEM = StageType.POEM
LIST = ("dummy-verse", "dummy-haiku")
REFUSED = Problem(Reason.REJECTED, "invalid_api_key")
NO_CREDIT = Problem(Reason.NO_CREDIT, "insufficient_quota", FoundBy.GENERATION)
AWAY = Problem(Reason.UNAVAILABLE, "timeout")
HEALING = {"next_check_at": NOON.replace(minute=1), "failed_checks": 1}


def candidate_section(**values: Any) -> ProviderConfig:
    """A section that works, with a candidate beside it, and these values."""
    row = working_section()
    row.candidate_provider_kind, row.candidate_status = ProviderKind.OPENAI, Status.UNKNOWN
    row.candidate_api_key_encrypted, row.candidate_api_key_last4 = "sealed", "a1b2"
    return _with(row, values)


def refused_section(finding: Problem = REFUSED, **values: Any) -> ProviderConfig:
    """A section that worked and was refused."""
    row = working_section()
    row.set_status(Status.INVALID, finding, utc_now())
    return _with(row, values)


def _with(row: ProviderConfig, values: dict[str, Any]) -> ProviderConfig:
    for name, value in values.items():
        setattr(row, name, value)
    db.session.commit()
    return section()


def changed_by(row: ProviderConfig, decide: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The columns that have another value after the verdict."""
    before = columns(row)
    decide(row, *args, utc_now(), **kwargs)
    db.session.commit()
    return differences(before, columns(section()))


def told(number: int = 1) -> list[tuple[str, str, dict[str, Any]]]:
    """The newest lines of the history, the newest first."""
    return [(entry.actor, entry.event, entry.facts) for entry in page_of(POEM, number)]


def test_a_candidate_that_is_refused_says_why_and_plans_nothing(clock: StoppedClock) -> None:
    row = candidate_section()

    changed = changed_by(row, check_results.store_candidate, CheckResult(models=LIST, finding=REFUSED))

    assert changed == {
        "candidate_checked_at": utc_now(),
        "candidate_models": list(LIST),
        "candidate_status": Status.INVALID,
        "candidate_reason": Reason.REJECTED,
        "candidate_detail": "invalid_api_key",
    }
    assert told() == [("check", "candidate_refused", {"reason": "rejected", "detail": "invalid_api_key"})]


def test_a_candidate_whose_provider_is_away_is_checked_again() -> None:
    row = candidate_section(candidate_saved_at=utc_now())

    changed = changed_by(row, check_results.store_candidate, CheckResult(finding=AWAY))

    assert changed["candidate_next_check_at"] == HEALING["next_check_at"]
    assert (changed["candidate_reason"], changed["candidate_detail"]) == (Reason.UNAVAILABLE, "timeout")


def test_a_candidate_that_was_proven_takes_the_place_of_what_was_live(clock: StoppedClock) -> None:
    row = candidate_section(status=Status.INVALID, reason=Reason.REJECTED, failed_checks=3, version=7, key_version=2)
    clock.shift(7)

    changed = changed_by(
        row, check_results.store_candidate, CheckResult(models=("gpt-6", "gpt-5"), proven="gpt-5", balance=12.5)
    )

    now = utc_now()
    assert changed == {
        "provider_kind": ProviderKind.OPENAI,
        "api_key_encrypted": "sealed",
        "api_key_last4": "a1b2",
        "model": "gpt-5",
        "version": 8,
        "key_version": 8,
        "models_cache": ["gpt-6", "gpt-5"],
        "models_cache_updated_at": now,
        "models_tried_at": now,
        "status": Status.ACTIVE,
        "reason": None,
        "status_since": now,
        "failed_checks": 0,
        "checked_at": now,
        "passed_at": now,
        "balance": 12.5,
        "previous_provider_kind": ProviderKind.DUMMY,
        "previous_model": "dummy-verse",
        "candidate_provider_kind": None,
        "candidate_status": None,
        "candidate_api_key_encrypted": None,
        "candidate_api_key_last4": None,
    }
    assert section().updated_at == now
    assert told() == [("check", "candidate_promoted", {"provider_kind": "OPENAI", "model": "gpt-5"})]


def test_a_candidate_with_the_same_key_is_no_new_key() -> None:
    row = candidate_section(candidate_api_key_encrypted=None, version=7, key_version=2)

    changed = changed_by(row, check_results.store_candidate, CheckResult(models=LIST, proven="dummy-haiku"))

    assert changed["version"] == 8
    assert "key_version" not in changed


def test_a_promotion_says_since_when_even_where_the_section_worked_before(clock: StoppedClock) -> None:
    row = candidate_section()
    clock.shift(7)

    assert changed_by(row, check_results.store_candidate, CheckResult(proven="gpt-5"))["status_since"] == utc_now()


def test_a_refusal_of_what_is_live_is_written_down_and_plans_its_healing(clock: StoppedClock) -> None:
    row = working_section()
    clock.shift(7)

    changed = changed_by(row, check_results.store_live, CheckResult(models=("new",), finding=REFUSED))

    now = utc_now()
    assert changed == {
        "checked_at": now,
        "status": Status.INVALID,
        "reason": Reason.REJECTED,
        "detail": "invalid_api_key",
        "found_by": FoundBy.CHECK,
        "status_since": now,
        "failed_checks": 1,
        "next_check_at": now.replace(minute=1),
    }
    assert told() == [("check", "section_invalid", {"reason": "rejected", "detail": "invalid_api_key"})]


@pytest.mark.parametrize("models", [LIST, ()])
def test_a_first_key_that_is_refused_shows_its_list_where_that_is_known(models: tuple[str, ...]) -> None:
    save_section(POEM, ProviderKind.DUMMY)
    row = _with(section(), {"models_cache": ["older"]})

    changed = changed_by(row, check_results.store_live, CheckResult(models=models, finding=REFUSED))

    if models:
        assert (changed["models_cache"], changed["models_cache_updated_at"]) == (list(models), utc_now())
    else:
        assert {"models_cache", "models_cache_updated_at"}.isdisjoint(changed)


def test_a_provider_that_is_away_hides_nothing_of_a_refusal_and_delays_the_next_look() -> None:
    row = refused_section(NO_CREDIT)
    before = told()

    assert changed_by(row, check_results.store_live, CheckResult(finding=AWAY)) == HEALING
    assert told() == before


def test_another_refusal_of_what_was_refused_takes_a_proof_all_the_same() -> None:
    row = refused_section(NO_CREDIT)

    changed = changed_by(row, check_results.store_live, CheckResult(finding=REFUSED))

    assert changed == {"reason": Reason.REJECTED, "detail": "invalid_api_key", **HEALING}


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.REJECTED])
def test_what_a_check_has_found_a_check_lifts(reason: Reason, clock: StoppedClock) -> None:
    row = refused_section(Problem(reason, "why"), failed_checks=3, next_check_at=NOON)
    clock.shift(7)

    changed = changed_by(row, check_results.store_live, CheckResult(models=LIST, balance=3.0))

    now = utc_now()
    assert changed == {
        "status": Status.ACTIVE,
        "reason": None,
        "detail": "",
        "found_by": None,
        "status_since": now,
        "checked_at": now,
        "passed_at": now,
        "failed_checks": 0,
        "next_check_at": None,
        "models_cache_updated_at": now,
        "models_tried_at": now,
        "balance": 3.0,
    }
    assert told() == [("check", "section_recovered", {})]


def test_a_check_that_finds_nothing_new_is_one_line_of_the_history() -> None:
    row = working_section()
    check_results.store_live(row, CheckResult(models=LIST), utc_now())
    db.session.commit()
    [(actor, event, facts)] = told()

    assert (actor, event, facts["models"]) == ("check", "check_passed", 2)


def test_a_check_that_finds_a_new_model_says_that_and_nothing_else() -> None:
    row = working_section()

    check_results.store_live(row, CheckResult(models=(*LIST, "new")), utc_now())
    db.session.commit()

    assert [event for _, event, _ in told(2)] == ["models_changed", "check_passed"]


def test_a_list_does_not_lift_what_a_generation_has_found_and_is_taken_all_the_same(clock: StoppedClock) -> None:
    row = refused_section(NO_CREDIT, next_check_at=utc_now())
    before = told()
    clock.shift(7)

    changed = changed_by(row, check_results.store_live, CheckResult(models=LIST, balance=4.0))

    now = utc_now()
    tried = {"checked_at": now, "models_cache_updated_at": now, "models_tried_at": now}
    assert changed == {**tried, "balance": 4.0, "refused_balance": 4.0}
    assert told() == before


@pytest.mark.parametrize(
    ("refused_at", "balance", "lifted"),
    [(None, None, True), (4.0, None, True), (None, 4.0, True), (4.0, 4.0, False), (4.0, 3.0, False), (4.0, 4.5, True)],
)
def test_a_proof_lifts_it_unless_no_more_is_left_than_was_not_enough(
    refused_at: float | None, balance: float | None, lifted: bool
) -> None:
    row = refused_section(NO_CREDIT, refused_balance=refused_at)

    changed = changed_by(row, check_results.store_live, CheckResult(models=LIST, proven=LIST[0], balance=balance))

    assert (section().status is Status.ACTIVE) is lifted
    assert lifted or {name: changed.get(name) for name in HEALING} == HEALING
    assert lifted or section().refused_balance == refused_at


@pytest.mark.parametrize(
    ("reason", "noted", "becomes"),
    [(Reason.NO_CREDIT, None, 4.0), (Reason.NO_CREDIT, 2.0, 2.0), (Reason.REJECTED, None, None)],
)
def test_what_was_left_when_money_ran_out_is_noted_once(
    reason: Reason, noted: float | None, becomes: float | None
) -> None:
    row = refused_section(Problem(reason, found_by=FoundBy.GENERATION), refused_balance=noted)

    check_results.store_live(row, CheckResult(models=LIST, balance=4.0), utc_now())
    db.session.commit()

    assert section().refused_balance == becomes


def test_a_list_that_could_not_be_fetched_is_told_beside_the_key(clock: StoppedClock) -> None:
    row = _with(working_section(), {"balance": 5.0})
    clock.shift(7)

    changed = changed_by(row, check_results.store_live, CheckResult(list_finding=AWAY))

    now = utc_now()
    tried = {"models_reason": Reason.UNAVAILABLE, "models_detail": "timeout", "models_tried_at": now}
    assert changed == {"checked_at": now, "passed_at": now, **tried}
    assert told() == [("check", "list_not_fetched", {"reason": "unavailable", "detail": "timeout"})]


@pytest.mark.parametrize(
    ("chosen", "proven", "models", "becomes"),
    [
        ("chosen", "proven", ("first", "second"), "chosen"),
        ("", "proven", ("first", "second"), "proven"),
        (None, "", (Model("first"), "second"), "first"),
        (None, "", (), None),
    ],
)
def test_the_model_is_that_which_was_chosen_else_the_proven_one_else_the_first(
    chosen: str | None, proven: str, models: tuple[str, ...], becomes: str | None
) -> None:
    row = _with(working_section(), {"model": chosen})

    check_results.store_live(row, CheckResult(models=models, proven=proven), utc_now())
    db.session.commit()

    assert section().model == becomes


def test_the_first_pass_is_kept_as_the_beginning(clock: StoppedClock) -> None:
    began = working_section().activated_at
    clock.shift(7)

    check_results.store_live(section(), CheckResult(models=LIST), utc_now())
    db.session.commit()

    assert section().activated_at == began == NOON


def test_what_a_generation_was_refused_for_counts_its_tries_from_the_beginning(clock: StoppedClock) -> None:
    row = refused_section(AWAY, failed_checks=3, refused_balance=4.0)
    clock.shift(7)

    changed = changed_by(row, check_results.refuse_by_generation, NO_CREDIT)

    now = utc_now()
    assert changed == {
        "reason": Reason.NO_CREDIT,
        "detail": "insufficient_quota",
        "found_by": FoundBy.GENERATION,
        "status_since": now,
        "failed_checks": 1,
        "next_check_at": now.replace(minute=1),
        "refused_balance": None,
    }
    facts = {"reason": "no_credit", "detail": "insufficient_quota"}
    assert told() == [("generation", "section_invalid", facts)]


def test_a_refused_probe_delays_the_next_one() -> None:
    row = refused_section(NO_CREDIT, failed_checks=1, probe_stage_id=7)

    changed = changed_by(row, check_results.refuse_by_generation, NO_CREDIT)

    assert changed == {"failed_checks": 2, "next_check_at": NOON.replace(minute=5), "probe_stage_id": None}


def test_the_work_of_a_probe_lifts_everything(clock: StoppedClock) -> None:
    row = refused_section(NO_CREDIT, failed_checks=1, probe_stage_id=7, refused_balance=4.0)
    clock.shift(7)

    changed = changed_by(row, check_results.pass_by_generation)

    now = utc_now()
    assert changed == {
        "status": Status.ACTIVE,
        "reason": None,
        "detail": "",
        "found_by": None,
        "status_since": now,
        "passed_at": now,
        "failed_checks": 0,
        "probe_stage_id": None,
        "refused_balance": None,
    }
    assert told() == [("generation", "section_recovered", {})]
