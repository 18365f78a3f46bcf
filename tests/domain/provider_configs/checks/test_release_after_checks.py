"""What a check has found is told to the orders that wait for its section."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from sqlalchemy import Select, event, select, update

from domain.db import db, utc_now
from domain.orders.models import Order, Stage, StageState
from domain.provider_configs import release
from domain.provider_configs.checks import check
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import StageType
from tests.builders import place_order, run, save_section, section, set_state, stage_of, working_section
from tests.domain.provider_configs.checks.openai_section import OPENAI, POEM, WRONG_KEY
from tests.domain.row_changes import changes_of

CLIP = StageType.CLIP


def waits(reason: Reason = Reason.NOT_CONFIGURED) -> Order:
    """An order that waits for its section, for this reason as far as it knows."""
    order = place_order()
    set_state(order.id, POEM, StageState.WAITING, reason=reason, detail="what was")
    return order


def refused_section() -> None:
    working_section()
    section().set_status(Status.INVALID, Problem(Reason.REJECTED, "invalid_api_key"), utc_now())
    db.session.commit()


def test_who_waits_for_a_check_is_told_what_it_has_found() -> None:
    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    orders = [place_order(), place_order()]
    for order in orders:
        run(order)
    assert {stage_of(order).reason for order in orders} == {Reason.CHECKING}

    check(POEM)

    told = {(stage_of(order).state, stage_of(order).reason, stage_of(order).detail) for order in orders}
    assert told == {(StageState.WAITING, Reason.REJECTED, section().detail)}


def test_who_waits_for_another_section_is_told_nothing_of_this_one() -> None:
    waits()
    order = place_order(frozenset({CLIP}), poem="Море шумит.")
    run(order, CLIP)
    save_section(POEM, OPENAI, api_key=WRONG_KEY)

    check(POEM)

    assert stage_of(order, CLIP).reason == Reason.NOT_CONFIGURED


def test_who_was_refused_for_the_same_reason_keeps_the_words_of_its_own_refusal() -> None:
    refused_section()
    order = waits(Reason.REJECTED)

    with changes_of(order) as changed:
        release.update_wait_reason(POEM)

    assert changed == {}


def test_who_does_not_wait_is_told_nothing() -> None:
    refused_section()
    order = place_order()

    with changes_of(order) as changed:
        release.update_wait_reason(POEM)

    assert changed == {}


def test_who_goes_on_as_others_are_told_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refused_section()
    order, look = waits(), db.session.scalars

    def look_as_it_is_let_go(query: Select[tuple[int]]) -> SimpleNamespace:
        found = look(query).all()
        db.session.execute(update(Stage).values(state=StageState.QUEUED))
        return SimpleNamespace(all=lambda: found)

    monkeypatch.setattr(db.session, "scalars", look_as_it_is_let_go)
    with changes_of(order) as changed:
        release.update_wait_reason(POEM)

    assert changed == {"state": StageState.QUEUED}


def test_all_who_wait_are_told_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "BATCH", 2)
    refused_section()
    place_order()
    orders = [waits() for _ in range(5)]
    told: list[int] = []

    def count(_session: object) -> None:
        told.append(sum(stage.reason == Reason.REJECTED for stage in db.session.scalars(select(Stage))))

    session = db.session()
    event.listen(session, "before_commit", count)
    try:
        release.update_wait_reason(POEM)
    finally:
        event.remove(session, "before_commit", count)

    assert told == [2, 4, 5]
    assert {stage_of(order).reason for order in orders} == {Reason.REJECTED}


def test_while_a_section_is_checked_or_missing_or_works_nobody_is_told_anything() -> None:
    order = waits()

    with changes_of(order) as changed:
        release.update_wait_reason(POEM)
        save_section(POEM, OPENAI, api_key=WRONG_KEY)
        release.update_wait_reason(POEM)
        section().set_status(Status.ACTIVE, None, utc_now())
        section().model = "gpt-5.4"
        db.session.commit()
        release.update_wait_reason(POEM)

    assert changed == {}


def test_words_about_one_reason_are_not_told_with_another(change_settings: Callable[..., None]) -> None:
    refused_section()
    order = waits()
    change_settings(dummy_provider=False)

    with changes_of(order) as changed:
        release.update_wait_reason(POEM)

    assert changed == {"reason": Reason.PROVIDER_OFF, "detail": ""}
