"""The page of one order: what happens to each stage, and what can be copied from it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import utc_now
from domain.orders.models import StageState
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page

pytestmark = pytest.mark.usefixtures("clock")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (StageState.BLOCKED, "Начнётся, когда будет готов стих."),
        (StageState.QUEUED, "В очереди: 1 секунда (с 12:00). Suno, V5. Попытка 2."),
        (StageState.RUNNING, "Создаётся: 1 секунда (с 12:00). Suno, V5. Попытка 2."),
        (StageState.SUBMITTED, "Создаётся у провайдера: 1 секунда (с 12:00). Обычно занимает около 2 минут."),
        (StageState.FETCHING, "Скачивается: 1 секунда (с 12:00)."),
        (StageState.UNCERTAIN, "Ответ ищется: 1 секунда (с 12:00)."),
        (StageState.ATTENTION, "Остановлено только что (сегодня, 12:00). Suno, V5. 2 попытки."),
    ],
)
def test_a_stage_says_what_is_happening_since_when_and_by_whom(
    app: Flask, admin: FlaskClient, state: StageState, sentence: str
) -> None:
    now = utc_now()
    with app.app_context():
        order_id = builders.place_order(frozenset({StageType.POEM, StageType.SONG})).id
        values = {"provider_kind": ProviderKind.SUNO, "model": "V5", "attempts": 2, "lease_until": now}
        builders.set_state(order_id, StageType.SONG, state, started_at=now, updated_at=now, **values)

    assert sentence in Page(admin.get(f"/admin/orders/{order_id}")).by_id("song").text


def test_a_page_follows_what_still_moves_beside_a_stage_that_needs_a_decision(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order(frozenset({StageType.VOICE, StageType.SONG}), poem="Море шумит.").id
        builders.set_state(order_id, StageType.VOICE, StageState.ATTENTION, reason="answer_lost")
        builders.set_state(order_id, StageType.SONG, StageState.WAITING, reason="no_credit", waiting_since=utc_now())

    assert Page(admin.get(f"/admin/orders/{order_id}")).by_id("stages").get("data-live") is not None


def test_a_text_and_the_details_of_a_failure_can_be_copied(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section()
        order_id = builders.place_order(frozenset({StageType.POEM, StageType.CLIP})).id
        builders.run(order_id)
        text = builders.text_of(order_id)
        failure = {"reason": "job_failed", "provider_kind": ProviderKind.PIKA, "provider_request_id": "req-1"}
        builders.set_state(order_id, StageType.CLIP, StageState.FAILED, detail="Boom", **failure)

    page = Page(admin.get(f"/admin/orders/{order_id}"))

    source = page.by_id("poem-copy").get("data-copy-from")
    assert page.by_id(str(source)).text == " ".join(text.split())
    details = str(page.by_id("clip-copy-details").get("data-copy"))
    assert details.startswith(f"order {order_id}; CLIP; failed; job_failed; PIKA; attempts: 0; req-1; 20")
    assert details.endswith("; Boom")
