"""Naughty strings in every field of the form of an order, and on the pages that show them afterwards."""

import re
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from domain.db import db
from domain.orders.models import Order
from domain.orders.rules import LIMITS
from tests.database_kinds import on_both_databases
from tests.hostile.conftest import on_one_database
from tests.hostile.pages import as_shown, bones
from tests.hostile.sending import send_form
from tests.hostile.strings import is_text, strings_for
from tests.hostile.tally import Tally
from tests.web.admin.browser import Page

ORIGIN = "form of an order"
NEW = "/admin/orders/new"
PLAIN = {"recipient": "Анна", "occasion": "60 лет", "details": "a", "tone": "b", "language": "ru", "poem": "c"}
MULTI_LINE = ("details", "poem")
MARKUP = re.compile(r"[<>&\"'%{}]")

# After a minute an order would be one that stands still, and its page another one.
pytestmark = pytest.mark.usefixtures("clock", "kinds")

Send = Callable[..., TestResponse]


@pytest.fixture
def send(app: Flask, admin: FlaskClient, csrf: str, tally: Tally) -> Iterator[Send]:
    """``send(recipient=text)``: the form of a voice whose other fields are plain."""
    with app.app_context():

        def call(*more: tuple[str, str], stages: str = "VOICE", **changes: str) -> TestResponse:
            fields = {"csrf_token": csrf, **PLAIN, **changes}
            answer = send_form(admin, NEW, [*fields.items(), ("stages", stages), *more])
            tally.answered((changes or more or stages), answer.status_code)
            db.session.rollback()
            return answer

        yield call


def newest() -> Order | None:
    """The order that was stored last."""
    return db.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).first()


def tidy(text: str) -> str:
    """A text as the rules of orders say that it is kept."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " ").strip())


def may_be_kept(text: str, field: str) -> bool:
    """Whether a text holds nothing that no text of that field holds."""
    odd = {each for each in tidy(text) if unicodedata.category(each) in {"Cc", "Cs"}}
    return odd <= ({"\n"} if field in MULTI_LINE else set()) and len(tidy(text)) <= LIMITS[field]


@on_both_databases
@pytest.mark.parametrize("fields", [tuple(LIMITS), MULTI_LINE], ids=["all texts", "long texts"])
def test_a_text_is_kept_and_shown_as_it_was_typed_or_refused(
    admin: FlaskClient, send: Send, tally: Tally, fields: tuple[str, ...]
) -> None:
    send()
    plain = newest()
    assert plain is not None
    harmless = bones(Page(admin.get(f"/admin/orders/{plain.id}")))
    seen = plain.id

    for text in strings_for(" ".join(fields)):
        if fields == MULTI_LINE and "\n" not in text and "\r" not in text:
            continue
        status = send(**dict.fromkeys(fields, text)).status_code
        order = newest()
        assert order is not None
        if order.id == seen:
            assert status == (422 if is_text(text) else 400)
            assert not any(map(str.isalnum, text)) or not all(may_be_kept(text, name) for name in fields), text
            continue
        assert status == 303
        seen = order.id
        for name in fields:
            tally.refuse_that((name, text), let_in=not may_be_kept(text, name))
            assert getattr(order, name) in (tidy(text), "", None), (name, text)
            assert getattr(order, name) or not any(map(str.isalnum, text)), (name, text)
        if MARKUP.search(text):
            page = Page(admin.get(f"/admin/orders/{seen}"))
            assert bones(page) <= harmless, text
            assert page.by_id("main").text.count(as_shown(tidy(text))) >= len(fields), text


def test_a_list_shows_them_as_text(admin: FlaskClient, send: Send, tally: Tally) -> None:
    for _ in range(25):
        send()
    harmless = bones(Page(admin.get("/admin/orders"))) | bones(Page(admin.get("/admin/orders?before=26")))
    texts = [text for text in strings_for("list") if MARKUP.search(text) and may_be_kept(text, "recipient")]

    for text in texts:
        send(recipient=text, occasion=text)
    address, shown = "/admin/orders", ""
    while address:
        page = Page(admin.get(address))
        assert bones(page) <= harmless
        shown += page.by_id("main").text
        address = next((str(each.get("href")) for each in page.all("a") if each.text == "Раньше"), "")
    assert [text for text in texts if as_shown(f"{tidy(text)}, {tidy(text)}") not in shown] == []


@on_one_database
def test_what_is_refused_stands_in_the_form_as_it_was_typed(send: Send) -> None:
    harmless = set()
    for plain in ("plain", "plain\x00", "plain" * 801):
        harmless |= bones(Page(send(stages="", **dict.fromkeys(LIMITS, plain))))

    for text in filter(MARKUP.search, strings_for("form that is shown again")):
        page = Page(send(stages="", **dict.fromkeys(LIMITS, text)))
        assert bones(page) <= harmless, text
        for name in ("recipient", "occasion", "tone"):
            assert page.by_id(name).get("value") == text
        for name in MULTI_LINE:
            assert page.by_id(name).text == as_shown(text)


@on_one_database
def test_what_our_page_does_not_put_there_is_refused(send: Send, tally: Tally) -> None:
    for text in strings_for("order, unknown"):
        refused = {
            "language": 422 if text else 303,
            "stages": 422,
            "unknown": 400,
        }
        answers = {"language": send(language=text), "stages": send(stages=text), "unknown": send((text, "1"))}
        for field, answer in answers.items():
            expected = refused[field] if is_text(text) else 400
            tally.refuse_that((field, text), let_in=answer.status_code != expected)
