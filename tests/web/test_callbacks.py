"""What a provider may say to us, and what anybody else may: nothing that is believed."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.generation.calls import snapshot_place
from domain.orders.models import Attempt, AttemptState, StageState
from domain.secrets.context import current_vault
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, stage_of

TOKEN = "a" * 32
SONG = StageType.SONG
POLL = "tasks.generation.poll_jobs"


@pytest.fixture
def job(app: Flask) -> int:
    """A song that runs at SUNO, to be looked at tomorrow; the id of its order."""
    with app.app_context():
        order = place_order(frozenset({SONG}), poem="Море")
        stage = stage_of(order, SONG)
        stage.state, stage.due_at = StageState.SUBMITTED, utc_now().replace(year=2999)
        key = current_vault().seal("fake-key", snapshot_place(SONG, ProviderKind.SUNO))
        db.session.add(
            Attempt(
                stage_id=stage.id,
                number=1,
                provider_kind=ProviderKind.SUNO,
                model="V6",
                token=TOKEN,
                state=AttemptState.ACCEPTED,
                job_id="b" * 32,
                api_key_encrypted=key,
            )
        )
        db.session.commit()
        return order.id


def test_a_call_brings_the_look_forward_and_wakes_a_worker(
    app: Flask, client: FlaskClient, job: int, messages: list[tuple[int | str, ...]]
) -> None:
    answer = client.post(f"/callbacks/{TOKEN}", json={"code": 200, "data": {"callbackType": "complete"}})

    assert (answer.status_code, answer.data) == (204, b"")
    assert messages == [(POLL,)]
    with app.app_context():
        stage = stage_of(job, SONG)
        assert stage.due_at <= utc_now()
        assert stage.state is StageState.SUBMITTED


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "application/json"),
        (b"not json", "application/json"),
        (b"[" * 5000, "application/json"),
        (b'{"data": null}', "text/plain"),
        (b'{"data": {"task_id": {"deep": [1]}}}', "application/json"),
        (b"\xff\xfe", "application/octet-stream"),
    ],
)
def test_whatever_it_says_is_a_hint_and_nothing_more(
    app: Flask, client: FlaskClient, job: int, messages: list[object], data: bytes, content_type: str
) -> None:
    answer = client.post(f"/callbacks/{TOKEN}", data=data, content_type=content_type)

    assert answer.status_code == 204
    with app.app_context():
        assert stage_of(job, SONG).state is StageState.SUBMITTED


@pytest.mark.parametrize("token", ["b" * 32, "a", "..%2F..", "a" * 500, "%00", "%27"])
def test_an_address_that_is_not_ours_is_not_found_and_wakes_nobody(
    client: FlaskClient, job: int, messages: list[object], token: str
) -> None:
    assert client.post(f"/callbacks/{token}", json={}).status_code == 404
    assert messages == []


def test_a_body_that_is_too_large_is_refused(client: FlaskClient, job: int, messages: list[object]) -> None:
    answer = client.post(f"/callbacks/{TOKEN}", data=b"x" * 70_000, content_type="application/json")

    assert answer.status_code == 413
    assert messages == []


def test_only_post_is_heard(client: FlaskClient, job: int) -> None:
    assert client.get(f"/callbacks/{TOKEN}").status_code == 405
