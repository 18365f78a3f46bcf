"""The form of a new order says of each work what an order placed now would wait for."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.orders import works
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import StageType
from tests import builders
from tests.web.admin.browser import Page, post

NEW = "/admin/orders/new"


def readiness(page: Page) -> list[str]:
    return [page.by_id(f"stages-{number}-readiness").text for number in range(4)]


def test_each_work_says_whether_it_would_start(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)
        builders.working_section(StageType.VOICE)
        builders.working_section(StageType.SONG)
        builders.section(StageType.VOICE).set_status(Status.INVALID, Problem(Reason.NO_CREDIT), utc_now())
        db.session.commit()
        builders.section(StageType.SONG).set_status(Status.INVALID, Problem(Reason.UNAVAILABLE), utc_now())
        db.session.commit()

    page = Page(admin.get(NEW))

    poem, voice, song, clip = readiness(page)
    assert poem.startswith("✓ Начнётся сразу: Встроенные образцы, dummy-verse")
    assert voice == "⚠ Будет ждать: не хватает денег или квоты. К настройкам: Озвучка"
    assert song == "⚠ Попытка начнётся сразу, но учтите: провайдер не отвечает."
    assert clip == "⚠ Будет ждать: ключ не задан. К настройкам: Видео"
    assert page.by_id("stages-1").get("aria-describedby") == "stages-1-readiness"
    assert page.one("a", inside="stages-1-readiness").get("href") == "/admin/providers#voice"


def test_without_room_for_works_all_would_wait(app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)
    monkeypatch.setattr(works, "has_room", lambda: False)

    assert readiness(Page(admin.get(NEW)))[0] == "⚠ Будет ждать: нет места, чтобы сохранить работу."


def test_a_form_that_comes_back_says_it_too_and_is_marked_as_typed(admin: FlaskClient) -> None:
    refused = Page(post(admin, NEW, {"recipient": "Анна", "stages": ["POEM"]}))

    assert "ключ не задан" in readiness(refused)[0]
    assert refused.by_id("recipient").get("value") == "Анна"
    assert "data-typed" in refused.one("form", method="post", class_="wide").attributes
    assert "data-typed" not in Page(admin.get(NEW)).one("form", method="post", class_="wide").attributes


def test_a_similar_order_begins_with_the_words_and_works_of_the_other(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order = builders.place_order(
            frozenset({StageType.VOICE, StageType.CLIP}), recipient="Анна", details="любит\nморе", poem="Море шумит."
        )
        path = f"/admin/orders/{order.id}"
    link = next(each for each in Page(admin.get(path)).all("a") if each.text == "Разместить похожий заказ")

    page = Page(admin.get(str(link.get("href"))))

    assert page.by_id("recipient").get("value") == "Анна"
    assert [page.by_id(name).text for name in ("details", "poem")] == ["любит море", "Море шумит."]
    assert ["checked" in page.by_id(f"stages-{number}").attributes for number in range(4)] == [False, True, False, True]
    assert "data-typed" in page.one("form", method="post", class_="wide").attributes


@pytest.mark.parametrize("order_id", ["999", "0", "-1", "99999999999999999999"])
def test_a_similar_order_to_none_is_no_page(admin: FlaskClient, order_id: str) -> None:
    assert admin.get(f"{NEW}?like={order_id}").status_code == 404
