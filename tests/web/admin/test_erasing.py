"""Erasing an order on its page, and what the pages show of it after that."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.orders import erasure
from domain.orders.models import Order, StageState
from providers.kinds import StageType
from tests import builders
from tests.web.admin.browser import Page, post, token_of

POEM, VOICE = StageType.POEM, StageType.VOICE


@pytest.fixture
def made(app: Flask) -> int:
    """An order with a poem and a voice."""
    with app.app_context():
        order_id = builders.place_order(frozenset({POEM, VOICE})).id
        for stage_type in (POEM, VOICE):
            builders.working_section(stage_type)
            builders.run(order_id, stage_type)
        return order_id


def erase(admin: FlaskClient, order_id: int) -> None:
    assert post(admin, f"/admin/orders/{order_id}/erase").status_code == 303


def test_the_page_of_an_order_leads_to_a_question_that_says_what_is_lost(admin: FlaskClient, made: int) -> None:
    link = Page(admin.get(f"/admin/orders/{made}")).by_id("erase").get("href")
    assert link == f"/admin/orders/{made}/erase"

    answer = admin.get(link)

    page = Page(answer)
    assert page.one("h1").text == f"Удалить заказ № {made}?"
    for words in ("Анна, 60 лет", "Что исчезнет навсегда", "Что останется", "резервные копии"):
        assert words in answer.text
    assert "Этот заказ выполняется" not in answer.text
    [form] = [each for each in page.all("form", method="post") if each.is_inside("main")]
    assert form.get("action") == link
    assert page.by_id("erase").name == "button"


def test_the_question_about_an_order_in_progress_says_that_it_is_cancelled(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id

    assert "Этот заказ выполняется. Сначала он будет отменён" in admin.get(f"/admin/orders/{order_id}/erase").text


def test_erasing_leads_back_to_the_page_which_says_what_stays(app: Flask, admin: FlaskClient, made: int) -> None:
    question = admin.get(f"/admin/orders/{made}/erase?q=Анна&state=done")
    action = next(each.get("action") for each in Page(question).all("form") if each.is_inside("main"))

    answer = post(admin, str(action), token=token_of(question))

    assert answer.status_code == 303
    shown = admin.get(answer.location)
    assert "q=" in answer.location
    assert f"Заказ № {made} удалён." in shown.text
    assert "Кто удалил: admin." in shown.text
    assert "Его файлы удаляются" in shown.text
    assert "Анна" not in Page(shown).one("table").text
    assert Page(shown).all("audio") == []
    assert "dummy-verse" in shown.text
    with app.app_context():
        erasure.go_on(utc_now())
    assert "Его файлы удаляются" not in admin.get(f"/admin/orders/{made}").text


def test_erasing_twice_is_erasing_once(admin: FlaskClient, made: int) -> None:
    erase(admin, made)

    erase(admin, made)

    assert admin.get(f"/admin/orders/{made}/erase").location == f"/admin/orders/{made}"


def test_there_is_nothing_to_erase_where_no_order_is(admin: FlaskClient) -> None:
    assert admin.get("/admin/orders/17/erase").status_code == 404
    assert post(admin, "/admin/orders/17/erase").status_code == 404


def test_a_form_without_its_token_erases_nothing(app: Flask, admin: FlaskClient, made: int) -> None:
    assert admin.post(f"/admin/orders/{made}/erase").status_code == 400

    with app.app_context():
        assert db.session.get_one(Order, made).recipient == "Анна"


@pytest.mark.parametrize("is_swept", [False, True])
def test_words_and_works_of_an_erased_order_are_nowhere(
    app: Flask, admin: FlaskClient, made: int, *, is_swept: bool
) -> None:
    erase(admin, made)
    if is_swept:
        with app.app_context():
            erasure.go_on(utc_now())

    for stage_type in (POEM, VOICE):
        assert admin.get(f"/admin/orders/{made}/works/{stage_type}").status_code == 410
    assert admin.get(f"/admin/orders/new?like={made}").status_code == 410
    for path in ("", "/orders", f"/orders/{made}", "/orders?state=done"):
        answer = admin.get(f"/admin{path}")
        assert answer.status_code == 200
        assert "Анна" not in answer.text


def test_a_list_shows_it_as_erased_and_finds_it_by_its_number(admin: FlaskClient, made: int) -> None:
    erase(admin, made)

    row = Page(admin.get("/admin/orders")).by_id(f"order-{made}")
    assert f"№ {made} · удалён" in row.text
    assert "готов" not in row.text.replace("готово", "")
    assert Page(admin.get(f"/admin/orders?q={made}")).by_id(f"order-{made}")
    assert "ничего не найдено" in admin.get("/admin/orders?q=Анна").text


def test_an_open_page_reloads_instead_of_showing_its_words_on(admin: FlaskClient, made: int) -> None:
    erase(admin, made)

    answer = admin.get(f"/admin/orders/{made}?part=stages")

    assert (answer.status_code, answer.location) == (303, f"/admin/orders/{made}")


def test_nothing_of_an_erased_order_can_be_retried(app: Flask, admin: FlaskClient, made: int) -> None:
    with app.app_context():
        builders.set_state(made, POEM, StageState.FAILED)
    erase(admin, made)

    assert Page(admin.get(f"/admin/orders/{made}")).all("form", inside="main") == []
    assert post(admin, f"/admin/orders/{made}/stages/POEM/retry").status_code == 303
    with app.app_context():
        assert builders.stage_of(made).state is StageState.FAILED


def test_an_order_that_grew_old_says_so(app: Flask, admin: FlaskClient, made: int) -> None:
    with app.app_context():
        erasure.request(made, erasure.RETENTION, utc_now())

    assert "Он хранился дольше, чем положено" in admin.get(f"/admin/orders/{made}").text
