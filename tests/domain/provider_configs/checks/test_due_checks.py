"""Which sections are checked and when, what a check asks about, and what it holds meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.db import db, utc_now
from domain.orders import leases
from domain.orders.models import StageState
from domain.provider_configs import checks
from domain.provider_configs.changes import clear_section
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import CLAIM, CheckRequest, check, due_checks, request_stale_refreshes
from domain.provider_configs.models import FoundBy, Problem, ProviderConfig, Reason, Status
from domain.quotas import Quota
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, save_section, section, set_state, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import OPENAI, POEM
from tests.domain.row_changes import columns, differences
from tests.stopped_clock import NOON, StoppedClock

pytestmark = on_one_database

VOICE, SONG = StageType.VOICE, StageType.SONG
DUMMY = ProviderKind.DUMMY
SECOND = timedelta(seconds=1)
PATIENCE = timedelta(seconds=10)
REFUSED: dict[str, Any] = {"status": Status.INVALID, "reason": Reason.NO_CREDIT, "found_by": FoundBy.GENERATION}
FIRST_TRY: dict[str, Any] = {"activated_at": None, "status": Status.UNKNOWN}
CANDIDATE: dict[str, Any] = {
    "candidate_provider_kind": OPENAI,
    "candidate_status": Status.UNKNOWN,
    "candidate_api_key_encrypted": "sealed anew",
}


def working(stage_type: StageType = POEM, **values: Any) -> ProviderConfig:
    """A section that works and that nobody checks, with these values."""
    row = working_section(stage_type)
    for name, value in values.items():
        setattr(row, name, value)
    db.session.commit()
    return section(stage_type)


def asked(stage_type: StageType = POEM) -> CheckRequest:
    """What a check that begins now asks."""
    question = checks._begin(stage_type, utc_now())
    assert question is not None
    return question


@pytest.mark.parametrize(
    ("fetched_at", "requested_at", "is_stale"),
    [
        (None, None, True),
        (NOON - timedelta(hours=24), None, True),
        (NOON - timedelta(hours=24) + SECOND, None, False),
        (NOON - timedelta(hours=48), NOON, False),
    ],
)
def test_a_list_is_fetched_anew_once_it_is_a_day_old_or_missing(
    fetched_at: datetime | None, requested_at: datetime | None, is_stale: bool
) -> None:
    row = working(models_cache_updated_at=fetched_at, check_requested_at=requested_at)
    before = columns(row)

    assert request_stale_refreshes(utc_now()) == ([POEM] if is_stale else [])

    assert differences(before, columns(section())) == ({"check_requested_at": NOON} if is_stale else {})


@pytest.mark.parametrize(
    ("values", "is_due"),
    [
        ({}, False),
        ({"check_requested_at": NOON - PATIENCE}, True),
        ({"check_requested_at": NOON - PATIENCE + SECOND}, False),
        ({"next_check_at": NOON}, True),
        ({"next_check_at": NOON + SECOND}, False),
        ({"next_check_at": NOON, "check_claimed_until": NOON + SECOND}, False),
        ({"next_check_at": NOON, "check_claimed_until": NOON}, False),
        ({"next_check_at": NOON, "check_claimed_until": NOON - SECOND}, True),
        ({"check_requested_at": NOON - PATIENCE, "check_claimed_until": NOON + SECOND}, False),
    ],
)
def test_a_check_is_due_that_nobody_has_begun_or_that_comes_by_itself_now(
    values: dict[str, Any], is_due: bool, clock: StoppedClock
) -> None:
    before = columns(working(**values))

    assert due_checks(utc_now(), PATIENCE) == ([POEM] if is_due else [])

    due = {"check_requested_at": NOON} if is_due else {}
    assert differences(before, columns(section())) == due


@pytest.mark.parametrize(
    ("values", "takes_proof"),
    [
        ({**REFUSED, "next_check_at": NOON}, True),
        ({**REFUSED, "next_check_at": NOON + SECOND}, False),
        ({**REFUSED, "next_check_at": None}, False),
        ({"next_check_at": NOON}, False),
        ({"next_check_at": NOON, "proof_requested": True}, True),
    ],
)
def test_what_was_refused_is_proven_once_it_is_to_heal(values: dict[str, Any], takes_proof: bool) -> None:
    working(check_requested_at=NOON - PATIENCE, **values)

    assert due_checks(utc_now(), PATIENCE) == [POEM]

    assert section().proof_requested is takes_proof


def test_a_check_that_begins_holds_its_section_for_a_lease() -> None:
    before = columns(working())

    asked()
    db.session.commit()

    held = {"check_claimed_until": NOON + CLAIM, "check_requested_at": NOON}
    assert differences(before, columns(section())) == held


def test_a_check_that_begins_was_wanted_since_it_was_asked_for() -> None:
    working(check_requested_at=NOON - SECOND)

    asked()

    assert section().check_requested_at == NOON - SECOND


@pytest.mark.parametrize(("until", "begins"), [(NOON - SECOND, True), (NOON, True), (NOON + SECOND, False)])
def test_a_check_begins_when_nobody_else_is_at_it_any_more(until: datetime, begins: bool) -> None:
    working(check_claimed_until=until)

    assert (checks._begin(POEM, utc_now()) is not None) is begins


def test_without_settings_nothing_is_checked() -> None:
    assert check(POEM) == []
    working()
    clear_section(POEM, "admin")

    assert check(POEM) == []

    assert section().check_claimed_until is None


@pytest.mark.parametrize(
    ("values", "planned"),
    [
        ({}, None),
        (REFUSED, NOON),
        ({**REFUSED, "proof_requested": True}, None),
        ({"proof_requested": True}, None),
    ],
)
def test_only_a_proof_takes_the_place_of_what_was_planned_for_refused_settings(
    values: dict[str, Any], planned: datetime | None
) -> None:
    working(next_check_at=NOON, **values)

    asked()

    assert section().next_check_at == planned


def test_a_check_is_counted_as_one_call_where_calls_are_limited(clock: StoppedClock) -> None:
    save_section(SONG, ProviderKind.SUNO, api_key="fake-key-first-0123456789-a1b2")

    asked(SONG)

    assert db.session.get_one(Quota, ProviderKind.SUNO).calls == [NOON.timestamp()]


@pytest.mark.parametrize(
    ("values", "question"),
    [
        ({}, CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, False, "chosen", True)),
        ({"model": None}, CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, False, "", True)),
        ({"proof_requested": True}, CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, True, "chosen", True)),
        (FIRST_TRY, CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, True, "chosen", False)),
        (CANDIDATE, CheckRequest(POEM, 7, True, OPENAI, "sealed anew", NOON, True, "", False, False)),
        (
            {**CANDIDATE, "candidate_model": "other"},
            CheckRequest(POEM, 7, True, OPENAI, "sealed anew", NOON, True, "other", False, True),
        ),
        (
            {**CANDIDATE, "candidate_provider_kind": DUMMY},
            CheckRequest(POEM, 7, True, DUMMY, "sealed anew", NOON, True, "chosen", False, False),
        ),
        (
            {**CANDIDATE, "candidate_status": Status.INVALID},
            CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, False, "chosen", True),
        ),
        (
            {"candidate_status": Status.UNKNOWN},
            CheckRequest(POEM, 7, False, DUMMY, "sealed", NOON, False, "chosen", True),
        ),
    ],
)
def test_a_check_asks_about_the_candidate_else_about_what_is_live(
    values: dict[str, Any], question: CheckRequest
) -> None:
    working(**{"version": 7, "model": "chosen", "api_key_encrypted": "sealed", **values})

    assert asked() == question


def renewed_at_once(monkeypatch: pytest.MonkeyPatch, clock: StoppedClock) -> list[dict[str, Any]]:
    """What is written into all sections as a check of POEM that takes a while holds its own."""
    changed: list[dict[str, Any]] = []

    @contextmanager
    def renewing(renewal: Callable[[], None]) -> Iterator[None]:
        clock.shift(7)
        before = [columns(section(stage_type)) for stage_type in (POEM, VOICE)]
        renewal()
        changed.extend(
            differences(each, columns(section(stage_type)))
            for each, stage_type in zip(before, (POEM, VOICE), strict=True)
        )
        yield

    monkeypatch.setattr(leases, "renewing", renewing)
    return changed


def test_a_check_holds_its_section_while_it_lasts(monkeypatch: pytest.MonkeyPatch, clock: StoppedClock) -> None:
    working()
    working(VOICE, check_claimed_until=NOON + SECOND)
    changed = renewed_at_once(monkeypatch, clock)

    check(POEM)

    assert changed == [{"check_claimed_until": utc_now() + CLAIM}, {}]
    assert section().check_claimed_until is None


@pytest.mark.parametrize("values", [{"version": 7, "check_claimed_until": NOON}, {"check_claimed_until": None}])
def test_a_check_that_is_about_older_settings_or_has_ended_holds_nothing(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, clock: StoppedClock
) -> None:
    working()
    working(VOICE)
    changed = renewed_at_once(monkeypatch, clock)
    renewing = leases.renewing

    @contextmanager
    def be_late(renewal: Callable[[], None]) -> Iterator[None]:
        db.session.execute(update(ProviderConfig).values(values))
        db.session.commit()
        with renewing(renewal):
            yield

    monkeypatch.setattr(leases, "renewing", be_late)
    check(POEM)

    assert changed == [{}, {}]


@pytest.mark.parametrize("goes", [True, False])
def test_what_a_check_has_found_of_settings_that_are_no_more_lets_nobody_go(
    goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    working()
    order = place_order()
    set_state(order.id, POEM, StageState.WAITING, reason="why")

    def ask_as_settings_change(question: CheckRequest) -> CheckResult:
        if goes:
            db.session.delete(section())
        else:
            section().version += 1
        db.session.commit()
        return CheckResult(models=("dummy-verse",), proven="dummy-verse")

    monkeypatch.setattr(checks, "_ask", ask_as_settings_change)

    assert check(POEM) == []

    assert stage_of(order).state is StageState.WAITING


@pytest.mark.parametrize(("proven", "ends"), [("dummy-verse", True), ("", False)])
def test_only_a_proof_ends_pauses(proven: str, ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    working()
    order = place_order()
    set_state(order.id, POEM, StageState.QUEUED, reason="unavailable", due_at=utc_now() + SECOND)
    monkeypatch.setattr(checks, "_ask", lambda _question: CheckResult(models=("dummy-verse",), proven=proven))

    assert [ready.stage_id for ready in check(POEM)] == ([stage_of(order).id] if ends else [])


def test_the_finding_of_a_check_of_the_candidate_is_not_that_of_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    working(**CANDIDATE)
    finding = Problem(Reason.REJECTED, "invalid_api_key")
    monkeypatch.setattr(checks, "_ask", lambda _question: CheckResult(finding=finding))

    check(POEM)

    assert (section().status, section().candidate_detail) == (Status.ACTIVE, "invalid_api_key")
