"""A form of an order places one order, however often it is sent."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from domain.db import db
from domain.orders.models import Order
from domain.orders.placing import NewOrder, place_once
from providers.base import Brief
from providers.kinds import StageType
from tests.web.admin.browser import Page

NEW = "/admin/orders/new"
WORDS = {"recipient": "Анна", "occasion": "60 лет", "language": "ru", "stages": ["POEM"]}


def form_of(answer: TestResponse) -> dict[str, Any]:
    """What the form of that page would send, with the words of an order."""
    hidden = {
        str(field.get("name")): field.get("value") for field in Page(answer).all("input", "order-form", type="hidden")
    }
    return {**WORDS, **hidden}


def shown_form(admin: FlaskClient) -> dict[str, Any]:
    return form_of(admin.get(NEW))


def orders(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Order)) or 0


def test_each_form_that_is_shown_has_a_key_of_its_own(admin: FlaskClient) -> None:
    keys = {shown_form(admin)["form_key"] for _ in range(3)}
    refused = form_of(admin.post(NEW, data={**shown_form(admin), "recipient": ""}))

    assert len({*keys, refused["form_key"]}) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", key) for key in keys)


def test_a_form_that_is_sent_again_leads_to_the_same_order_and_says_so(app: Flask, admin: FlaskClient) -> None:
    form = shown_form(admin)
    first = admin.post(NEW, data=form)
    assert "размещён один раз" not in admin.get(first.location).text

    second = admin.post(NEW, data=form)

    assert (second.status_code, second.location) == (303, first.location)
    assert "размещён один раз" in admin.get(second.location).text
    assert orders(app) == 1


def test_a_form_that_was_gone_back_to_and_changed_places_another_order(app: Flask, admin: FlaskClient) -> None:
    form = shown_form(admin)
    first = admin.post(NEW, data=form)

    second = admin.post(NEW, data={**form, "occasion": "61 год"})

    assert second.status_code == 303
    assert second.location != first.location
    assert orders(app) == 2
    # And that one once.
    assert admin.post(NEW, data={**form, "occasion": "61 год"}).location == second.location
    assert orders(app) == 2


def test_the_very_same_in_another_form_is_asked_about_and_loses_no_word(app: Flask, admin: FlaskClient) -> None:
    first = admin.post(NEW, data=shown_form(admin))

    asked = admin.post(NEW, data=shown_form(admin))

    page = Page(asked)
    assert asked.status_code == 200
    assert orders(app) == 1
    assert "точно такой же заказ вы уже разместили" in page.by_id("main").text
    assert first.location in {link.get("href") for link in page.all("a", inside="main")}
    assert page.by_id("recipient").get("value") == "Анна"
    assert page.one("button", inside="order-form").text == "Разместить ещё раз"

    # Who means it gets one more, and no more than one.
    form = form_of(asked)
    again = [admin.post(NEW, data=form).location for _ in range(2)]
    assert again[0] == again[1] != first.location
    assert orders(app) == 2


def test_a_form_without_a_key_places_an_order_each_time(app: Flask, admin: FlaskClient) -> None:
    form = {**shown_form(admin), "form_key": ""}

    assert [admin.post(NEW, data=form).status_code for _ in range(2)] == [303, 303]
    del form["form_key"]
    assert admin.post(NEW, data=form).status_code == 303
    assert orders(app) == 3


@pytest.mark.parametrize("key", ["x", "ключ", "a\tb", "k" * 5000], ids=["short", "Russian", "tab", "long"])
def test_whatever_stands_for_a_key_places_one_order(app: Flask, admin: FlaskClient, key: str) -> None:
    form = {**shown_form(admin), "form_key": key}

    assert admin.post(NEW, data=form).location == admin.post(NEW, data=form).location
    assert orders(app) == 1


def test_a_program_of_the_same_name_and_key_orders_for_itself(app: Flask, admin: FlaskClient) -> None:
    form = shown_form(admin)
    brief = Brief("Анна", "60 лет", "", "", "ru")
    with app.app_context():
        theirs = place_once(NewOrder(brief, frozenset({StageType.POEM}), None, "admin"), form["form_key"]).id

    ours = admin.post(NEW, data=form)

    assert ours.status_code == 303
    assert not ours.location.endswith(f"/{theirs}")
    assert orders(app) == 2


def test_many_clicks_at_the_same_moment_place_one_order(app: Flask, admin: FlaskClient) -> None:
    form = shown_form(admin)
    cookie = admin.get_cookie("session")
    assert cookie is not None

    def click(_: int) -> str | None:
        browser = app.test_client()
        browser.set_cookie("session", cookie.value)
        return browser.post(NEW, data=form).location

    with ThreadPoolExecutor(6) as clicks:
        led_to = set(clicks.map(click, range(6)))

    assert len(led_to) == 1
    assert None not in led_to
    assert orders(app) == 1
