"""The list of orders: a table, its marks, a search in the address, and that it keeps itself up to date."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.orders import search
from domain.orders.models import StageState
from providers.kinds import StageType
from tests import builders
from tests.database_kinds import on_both_databases
from tests.web.admin.browser import Page, post

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def three(app: Flask) -> None:
    """Three orders; the second one is done."""
    with app.app_context():
        for recipient in ("Анна", "Пётр", "Жанна"):
            builders.place_order(frozenset({StageType.POEM, StageType.CLIP}), recipient=recipient)
        for stage_type in (StageType.POEM, StageType.CLIP):
            builders.set_state(2, stage_type, StageState.DONE)


def names(page: Page) -> list[str]:
    return [a.text for a in page.all("a", inside="order-list") if "№" in a.text]


def test_each_stage_is_a_mark_with_words_for_who_does_not_see_it(admin: FlaskClient, three: None) -> None:
    row = Page(admin.get("/admin/orders")).by_id("order-1")

    assert "Стих: в очереди." in row.text
    assert "Видео: ждёт стих." in row.text
    assert "сегодня, 12:00" in row.text


@on_both_databases
@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("?q=АННА", ["№ 3 · Жанна, 60 лет", "№ 1 · Анна, 60 лет"]),
        ("?q=2", ["№ 2 · Пётр, 60 лет"]),
        ("?q=лет&state=done", ["№ 2 · Пётр, 60 лет"]),
        ("?q=анна&before=3", ["№ 1 · Анна, 60 лет"]),
        ("?q=анна&stuck=1", []),
        ("?q=%25", []),
        ("?q=%00", ["№ 3 · Жанна, 60 лет", "№ 2 · Пётр, 60 лет", "№ 1 · Анна, 60 лет"]),
    ],
)
def test_a_search_is_in_the_address_with_the_filter(
    admin: FlaskClient, three: None, address: str, found: list[str]
) -> None:
    assert names(Page(admin.get(f"/admin/orders{address}"))) == found


def test_a_search_among_stuck_orders_finds_only_those(app: Flask, admin: FlaskClient, three: None) -> None:
    with app.app_context():
        builders.set_state(3, StageType.POEM, StageState.ATTENTION, reason="answer_lost")

    assert names(Page(admin.get("/admin/orders?q=анна&stuck=1"))) == ["№ 3 · Жанна, 60 лет"]


def test_the_filters_and_the_field_keep_what_was_searched_for(admin: FlaskClient, three: None) -> None:
    page = Page(admin.get("/admin/orders?q=анна&state=running"))

    assert page.by_id("q").get("value") == "анна"
    assert page.one("input", name="state").get("value") == "running"
    done = next(a for a in page.all("a") if a.text == "Готово")
    assert names(Page(admin.get(str(done.get("href"))))) == []


def test_what_is_not_found_leads_on(admin: FlaskClient, three: None) -> None:
    page = Page(admin.get("/admin/orders?q=Ольга&state=done"))

    assert "По запросу «Ольга» ничего не найдено." in page.by_id("order-list").text
    links = {a.text: a.get("href") for a in page.all("a", inside="order-list")}
    assert links["Все заказы"] == "/admin/orders"
    assert str(links["Искать во всех состояниях"]).startswith("/admin/orders?q=")
    assert "state" not in str(links["Искать во всех состояниях"])


def test_a_search_says_how_far_it_has_looked_and_goes_on(
    admin: FlaskClient, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.search, "__defaults__", (None, None, None, 2))

    page = Page(admin.get("/admin/orders?q=анна"))

    assert names(page) == ["№ 3 · Жанна, 60 лет"]
    assert "Те, что раньше № 2, ещё не просмотрены." in page.by_id("order-list").text
    onward = next(a for a in page.all("a") if a.text == "Искать в более ранних")
    assert names(Page(admin.get(str(onward.get("href"))))) == ["№ 1 · Анна, 60 лет"]


def test_a_list_is_followed_while_something_in_it_moves(app: Flask, admin: FlaskClient, three: None) -> None:
    def live(address: str) -> str | None:
        return Page(admin.get(f"/admin/orders{address}")).by_id("order-list").get("data-live")

    assert live("?state=done") is None
    assert live("?before=3") is None
    address = str(live("?q=анна"))
    fragment = Page(admin.get(address))
    assert fragment.all("html") == []
    assert fragment.by_id("order-list").get("data-live") == address
    assert names(fragment) == ["№ 3 · Жанна, 60 лет", "№ 1 · Анна, 60 лет"]


@pytest.mark.parametrize("address", ["", "?q=%D0%B0%D0%BD%D0%BD%D0%B0&state=running", "?before=3"])
def test_the_way_back_from_an_order_leads_to_the_list_it_was_opened_from(
    admin: FlaskClient, three: None, address: str
) -> None:
    opened = str(Page(admin.get(f"/admin/orders{address}")).by_id("order-1-link").get("href"))

    back = next(a.get("href") for a in Page(admin.get(opened)).all("a") if a.text == "Назад к заказам")

    assert back == f"/admin/orders{address}#order-1"


def test_the_way_back_is_kept_while_something_is_tried_again(app: Flask, admin: FlaskClient, three: None) -> None:
    with app.app_context():
        builders.set_state(1, StageType.POEM, StageState.FAILED, reason="job_failed")
    order = Page(admin.get("/admin/orders/1?state=failed"))
    address = order.by_id("stages").get("data-live")
    action = str(order.one("form", inside="poem").get("action"))

    tried = post(admin, action)

    assert tried.headers["Location"] == "/admin/orders/1?state=failed#poem"
    assert address is None or "state=failed" in address
