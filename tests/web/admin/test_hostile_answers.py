"""What a hostile provider says, where it ends: in rows, on pages and in the API. The adapters are tested by
``tests/hostile_providers``.
"""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from domain.accounts.api_tokens import create_api_token
from domain.db import Base, db
from domain.orders.models import StageState
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status
from providers.kinds import ProviderKind, StageType
from tests.builders import ALL_RIGHTS, place_order, run, save_section, section, stage_of
from tests.emulated_sections import KEY, order_of, works_with
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator

POEM, SONG = StageType.POEM, StageType.SONG
HOSTILE = (
    '"><script>alert(1)</script>',
    "</option></select><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "../../admin/logout?a=b#c",
    "модель \U0001f600 %s %(x)s",
)


def offers(emulator: Emulator, *models: str) -> None:
    emulator.openai.catalogue = tuple(Model(model, 1772600000 - number) for number, model in enumerate(models))


def answer_of(client: FlaskClient, path: str, token: str) -> Any:
    response = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    return response.json


def assert_nothing_runs(page: str) -> None:
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "' onmouseover='" not in page
    assert "&lt;script&gt;alert" in page


def test_ten_thousand_models_of_any_name_are_stored_and_shown(
    app: Flask, admin: FlaskClient, emulator: Emulator
) -> None:
    with app.app_context():
        offers(emulator, *HOSTILE, *(f"m{number}" for number in range(9000)))
        works_with(POEM, emulator)
        offers(emulator, *HOSTILE, *(f"n{number}" for number in range(9994)))
        check(POEM)
        assert section().models_cache[: len(HOSTILE)] == list(HOSTILE)
        assert (len(section().models_cache), section().status) == (10_000, Status.ACTIVE)

    page = admin.get("/admin/providers")

    assert page.status_code == 200
    assert_nothing_runs(page.text)
    assert "{{ 7 * 7 }}" in page.text
    assert admin.get(f"/admin/providers/{POEM}/history").status_code == 200


def test_one_model_more_is_no_list(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        works_with(POEM, emulator)
        before = section().models_cache
        emulator.openai.fail(
            "models", status=200, body={"data": [{"id": f"m{number}"} for number in range(10_001)]}, times=9
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("domain.provider_configs.checks.ATTEMPTS", 1)
            check(POEM)

        assert section().models_cache == before


def test_a_poem_of_anything_is_stored_and_shown_as_text(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    said = "\u202e<script>alert(1)</script>\r\n\x00\x1b[2J{{ 7 * 7 }} & \ud800 <b>конец</b>"
    with app.app_context():
        works_with(POEM, emulator)
        emulator.openai.fail(
            "chat",
            status=200,
            body=json.dumps({"model": "<script>alert(1)</script>", "choices": [{"message": {"content": said}}]}),
        )
        order = order_of(POEM)
        run(order)
        assert stage_of(order).state is StageState.DONE
        token = create_api_token("shop", ALL_RIGHTS)
        order_id = order.id

    page = admin.get(f"/admin/orders/{order_id}")
    work = admin.get(f"/admin/orders/{order_id}/works/{POEM}")

    assert page.status_code == work.status_code == 200
    assert_nothing_runs(page.text)
    assert work.mimetype == "text/plain"
    assert work.headers["X-Content-Type-Options"] == "nosniff"
    text = answer_of(admin, f"/orders/{order_id}", token)["stages"]["POEM"]["text"]
    assert text == "\u202e<script>alert(1)</script>\n[2J{{ 7 * 7 }} &  <b>конец</b>"


def test_counts_out_of_all_proportion_hinder_no_poem(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    usage = "{" + ", ".join(f'"{name}": {"9" * 4300}' for name in ("promptTokenCount", "toolUsePromptTokenCount")) + "}"
    said = json.dumps({"candidates": [{"content": {"parts": [{"text": "Море"}]}}], "usageMetadata": "here"})
    with app.app_context():
        emulator.gemini.add_key("first", KEY)
        save_section(POEM, ProviderKind.GEMINI, api_key=KEY)
        check(POEM)
        emulator.gemini.fail("generate", status=200, body=said.replace('"here"', usage))
        order = place_order()
        run(order)

        assert (stage_of(order).state, stage_of(order).usage.get("total_tokens", 0)) == (StageState.DONE, 0)
        token = create_api_token("shop", ALL_RIGHTS)
        order_id = order.id
    assert answer_of(admin, f"/orders/{order_id}", token)["stages"]["POEM"]["state"] == "done"


def test_a_key_that_is_echoed_is_in_no_row(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        works_with(POEM, emulator)
        emulator.openai.fail(
            "chat",
            status=200,
            body={"model": f"gpt-{KEY}", "choices": [{"message": {"content": f"Стих {KEY}"}}]},
            headers={"x-request-id": KEY},
        )
        run(order_of(POEM))
        emulator.openai.fail("chat", status=400, body={"error": {"code": KEY, "param": KEY, "message": KEY}})
        run(order_of(POEM))
        rows = [repr(row) for table in Base.metadata.sorted_tables for row in db.session.execute(select(table)).all()]

    assert "Стих *" in "".join(rows)
    assert KEY not in "".join(rows)


@pytest.mark.parametrize("job_id", ["../../credit", "a" * 1000, KEY, None, ["a"]])
def test_a_song_whose_job_has_no_sound_name_is_never_ordered_again(
    app: Flask, emulator: Emulator, job_id: object
) -> None:
    with app.app_context():
        works_with(SONG, emulator)
        emulator.suno.fail("generate", status=200, body={"code": 200, "data": {"taskId": job_id}})
        order = order_of(SONG)
        run(order, SONG)
        run(order, SONG)

        assert stage_of(order, SONG).state in (StageState.UNCERTAIN, StageState.ATTENTION)
        assert len([call for call in emulator.requests if call.route == "generate"]) == 1
