"""What the shop learns of the four stage types."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from domain.db import db, utc_now
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.conftest import json_of

pytestmark = pytest.mark.usefixtures("clock")

Api = Callable[..., TestResponse]

NEVER_SET = {
    "ready": False,
    "provider_kind": None,
    "model": None,
    "sample": False,
    "reason": "not_configured",
    "message": "No key is set.",
    "since": None,
    "waiting": 0,
}


def test_sections_that_were_never_set_are_not_ready(api: Api) -> None:
    response = api("GET", "/stages")

    assert response.status_code == 200
    assert list(json_of(response)) == ["POEM", "VOICE", "SONG", "CLIP"]
    assert all(section == NEVER_SET for section in json_of(response).values())


def test_a_section_that_works_is_ready_and_says_on_what(api: Api, app: Flask) -> None:
    with app.app_context():
        model = builders.working_section(StageType.POEM).model

    assert json_of(api("GET", "/stages"))["POEM"] == {
        "ready": True,
        "provider_kind": "DUMMY",
        "model": model,
        "sample": True,
        "reason": None,
        "message": None,
        "since": None,
        "waiting": 0,
    }


def test_a_section_that_a_provider_serves_makes_no_samples(api: Api, app: Flask) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key="sk-fake-0123456789-a1b2")

    assert json_of(api("GET", "/stages"))["POEM"]["sample"] is False


def test_a_section_that_was_refused_says_why_and_since_when(api: Api, app: Flask) -> None:
    since = utc_now() - timedelta(hours=2)
    with app.app_context():
        row = builders.working_section(StageType.POEM)
        row.set_status(Status.INVALID, Problem(Reason.NO_CREDIT), since)
        db.session.commit()

    section = json_of(api("GET", "/stages"))["POEM"]

    assert (section["ready"], section["reason"]) == (False, "no_credit")
    assert section["message"] == "Not enough money or quota."
    assert datetime.fromisoformat(section["since"]) == since
    assert datetime.fromisoformat(section["since"]).tzinfo == UTC


def test_a_section_whose_key_cannot_be_read_is_not_ready_and_nobody_knows_since_when(api: Api, app: Flask) -> None:
    with app.app_context():
        row = builders.working_section(StageType.POEM)
        row.api_key_encrypted = "v1.0badbad0.AAAA"
        db.session.commit()

    section = json_of(api("GET", "/stages"))["POEM"]

    assert (section["ready"], section["reason"], section["since"]) == (False, "unreadable", None)


def test_a_section_whose_provider_is_away_still_takes_orders_and_says_so(api: Api, app: Flask) -> None:
    with app.app_context():
        row = builders.working_section(StageType.POEM)
        row.set_status(Status.INVALID, Problem(Reason.UNAVAILABLE), utc_now())
        db.session.commit()

    section = json_of(api("GET", "/stages"))["POEM"]

    assert (section["ready"], section["reason"]) == (True, "unavailable")


def test_a_provider_that_is_switched_off_is_not_ready(
    api: Api, app: Flask, change_settings: Callable[..., None]
) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)
    change_settings(dummy_provider=False)

    section = json_of(api("GET", "/stages"))["POEM"]

    assert (section["ready"], section["reason"], section["since"]) == (False, "provider_off", None)


def test_stages_that_wait_are_counted(api: Api, app: Flask) -> None:
    with app.app_context():
        for _ in range(2):
            builders.run(builders.place_order())

    answer = json_of(api("GET", "/stages"))

    assert (answer["POEM"]["waiting"], answer["VOICE"]["waiting"]) == (2, 0)


def test_the_answer_costs_one_query_beside_the_token(api: Api, app: Flask) -> None:
    statements: list[str] = []
    # The first use within a minute is written down, and the clock stands.
    api("GET", "/stages")
    with app.app_context():
        engine = db.engine

    def note(*execution: object) -> None:
        statements.append(str(execution[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        api("GET", "/stages")
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert len([text for text in statements if not text.startswith("BEGIN")]) == 2
