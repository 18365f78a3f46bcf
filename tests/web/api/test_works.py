"""What an order shows once its works are made, and fetching them."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from domain.db import db
from domain.orders.models import Stage, StageState
from providers.kinds import StageType
from tests import builders
from tests.local_s3 import LocalS3
from tests.web.conftest import json_of

Api = Callable[..., TestResponse]


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.processes)])
def made(app: Flask, change_settings: Callable[..., None], request: pytest.FixtureRequest) -> int:
    """An order whose poem and voice are made, by DUMMY, and kept in either place."""
    if request.param == "bucket":
        change_settings(**request.getfixturevalue("s3").settings)
    with app.app_context():
        for stage_type in (StageType.POEM, StageType.VOICE):
            builders.working_section(stage_type)
        order_id = builders.place_order(frozenset({StageType.POEM, StageType.VOICE})).id
        builders.run(order_id, StageType.POEM)
        builders.run(order_id, StageType.VOICE)
        return order_id


def change_stage(app: Flask, order_id: int, **values: object) -> None:
    with app.app_context():
        db.session.execute(update(Stage).where(Stage.order_id == order_id).values(**values))
        db.session.commit()


def test_a_finished_order_shows_its_works_and_who_made_them(api: Api, made: int) -> None:
    shown = json_of(api("GET", f"/orders/{made}"))

    poem, voice = shown["stages"]["POEM"], shown["stages"]["VOICE"]
    assert (shown["state"], list(shown["stages"])) == ("done", ["POEM", "VOICE"])
    assert poem["state"] == voice["state"] == "done"
    assert poem["provider_kind"] == voice["provider_kind"] == "DUMMY"
    assert poem["model"]
    assert poem["attempts"] == 1
    assert poem["error"] is None
    assert datetime.fromisoformat(poem["started_at"]) <= datetime.fromisoformat(poem["finished_at"])
    assert poem["text"].count("\n") > 4
    assert voice["text"] is None
    assert voice["work_url"] == f"/api/v1/orders/{made}/works/VOICE"


def test_a_text_is_fetched_as_text(api: Api, made: int) -> None:
    text = json_of(api("GET", f"/orders/{made}"))["stages"]["POEM"]["text"]

    response = api("GET", f"/orders/{made}/works/POEM")

    assert (response.status_code, response.content_type) == (200, "text/plain; charset=utf-8")
    assert response.text == text


def test_a_media_file_is_fetched_whole(api: Api, app: Flask, made: int) -> None:
    with app.app_context():
        work = builders.stage_of(made, StageType.VOICE).work
        assert work is not None
        media, sha256 = builders.media_of(work), work.sha256

    response = api("GET", f"/orders/{made}/works/VOICE")

    assert response.status_code == 200
    assert (response.mimetype or "").startswith("audio/")
    assert response.data == media
    assert hashlib.sha256(response.data).hexdigest() == sha256
    assert response.headers["ETag"] == f'"{sha256}"'
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.cache_control.private


@pytest.mark.parametrize("stage_type", ["POEM", "VOICE"])
def test_a_part_of_a_work_is_fetched_by_range(api: Api, made: int, stage_type: str) -> None:
    whole = api("GET", f"/orders/{made}/works/{stage_type}").data

    response = api("GET", f"/orders/{made}/works/{stage_type}", headers={"Range": "bytes=10-29"})

    assert response.status_code == 206
    assert response.data == whole[10:30]
    assert response.headers["Content-Range"] == f"bytes 10-29/{len(whole)}"


def test_a_range_beyond_the_work_is_refused(api: Api, made: int) -> None:
    size = len(api("GET", f"/orders/{made}/works/VOICE").data)

    response = api("GET", f"/orders/{made}/works/VOICE", headers={"Range": f"bytes={size}-"})

    assert response.status_code == 416
    assert json_of(response)["error"]["code"] == "range_unfit"
    assert response.headers["Content-Range"] == f"bytes */{size}"


def test_a_work_that_the_caller_has_is_not_sent_again(api: Api, made: int) -> None:
    etag = api("GET", f"/orders/{made}/works/VOICE").headers["ETag"]

    response = api("GET", f"/orders/{made}/works/VOICE", headers={"If-None-Match": etag})

    assert (response.status_code, response.data) == (304, b"")


@pytest.mark.parametrize("stage_type", ["SONG", "poem", "NOTHING", "POEM\x00"])
def test_a_work_that_was_not_ordered_is_not_found(api: Api, made: int, stage_type: str) -> None:
    response = api("GET", f"/orders/{made}/works/{stage_type}")

    assert response.status_code == 404
    assert json_of(response)["error"]["code"] == "work_not_found"


def test_a_work_that_is_not_made_yet_is_not_found(api: Api, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id

    assert json_of(api("GET", f"/orders/{order_id}/works/POEM"))["error"]["code"] == "work_not_found"


def test_a_work_of_a_stage_that_is_no_longer_done_is_not_shown(api: Api, app: Flask, made: int) -> None:
    change_stage(app, made, state=StageState.FAILED)

    assert api("GET", f"/orders/{made}/works/POEM").status_code == 404
    assert json_of(api("GET", f"/orders/{made}"))["stages"]["POEM"]["text"] is None


def test_a_work_whose_file_was_lost_is_not_found(api: Api, app: Flask, made: int) -> None:
    with app.app_context():
        work = builders.stage_of(made, StageType.VOICE).work
        assert work is not None
        work.file_name = "not-there.wav"
        db.session.commit()

    assert json_of(api("GET", f"/orders/{made}/works/VOICE"))["error"]["code"] == "work_not_found"


def test_a_work_needs_a_token(client: FlaskClient, made: int) -> None:
    assert client.get(f"/api/v1/orders/{made}/works/POEM").status_code == 401


def test_a_stage_that_waits_says_why(api: Api, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.run(order_id)

    shown = json_of(api("GET", f"/orders/{order_id}"))

    assert shown["state"] == "waiting"
    assert shown["stages"]["POEM"]["state"] == "waiting"
    assert shown["stages"]["POEM"]["error"] == {
        "code": "not_configured",
        "message": "No key is set. Choose a provider and enter its key.",
    }


def test_a_failed_stage_says_why(api: Api, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id
    change_stage(app, order_id, state=StageState.FAILED, reason="content_blocked")

    stage = json_of(api("GET", f"/orders/{order_id}"))["stages"]["POEM"]

    assert (stage["state"], stage["error"]["code"]) == ("failed", "content_blocked")
    assert stage["error"]["message"].startswith("The provider refused the words of the order. ")


def test_a_reason_that_is_new_to_the_page_is_still_shown(api: Api, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id
    change_stage(app, order_id, state=StageState.ATTENTION, reason="quite_new")

    assert json_of(api("GET", f"/orders/{order_id}"))["stages"]["POEM"]["error"]["code"] == "quite_new"


def test_a_store_that_does_not_answer_is_said_so(
    api: Api, app: Flask, change_settings: Callable[..., None], s3: LocalS3
) -> None:
    with app.app_context():
        builders.working_section(StageType.VOICE)
        order_id = builders.place_order(frozenset({StageType.VOICE}), poem="Море шумит").id
        builders.run(order_id, StageType.VOICE)
    change_settings(**{**s3.settings, "aws_endpoint_url": "http://127.0.0.1:1"})

    answer = api("GET", f"/orders/{order_id}/works/VOICE")

    assert (answer.status_code, json_of(answer)["error"]["code"]) == (503, "media_away")
    assert answer.headers["Retry-After"] == "5"
