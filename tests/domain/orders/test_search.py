"""Orders are found by number and by words, whatever their case, and a search never reads more than it may."""

import pytest
from flask import Flask

from domain.db import db
from domain.orders import search as orders_search
from domain.orders.models import Order, OrderState
from domain.orders.search import search, tidy
from tests import builders

RECIPIENTS = ["Анна", "Пётр Щукин", "STRASSE", "100% _хлопок_", "Жанна, 2 и 5 лет"]


@pytest.fixture
def orders(app: Flask) -> None:
    """Five orders, each for somebody else, all for the sixtieth birthday."""
    with app.app_context():
        for recipient in RECIPIENTS:
            builders.place_order(recipient=recipient)


def ids(query: str, state: OrderState | None = None, before_id: int | None = None) -> list[int]:
    return [order.id for order in search(tidy(query), state, before_id).orders]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ЩУКИН", [2]),
        ("петр", [2]),
        ("ПЁТР  лет", [2]),
        ("лет щук", [2]),
        ("анна", [5, 1]),
        ("straße", [3]),
        ("%", [4]),
        ("_", [4]),
        ("пётр анна", []),
        ("2", [2, 5]),
        ("5", [5]),
        ("№ 4", [4]),
        ("No. 4", [4]),
        ("#4", [4]),
        ("№5", [5]),
        ("Заказ 4", [4]),
        ("заказ №4", [4]),
        ("ЗАКАЗА № 4", [4]),
        ("order 4", [4]),
        ("Order No. 4", [4]),
        ("n4", [4]),
        ("заказы 4", []),
        ("99999999999999999999", []),
        ("²", []),
        ("анна\x00", [5, 1]),
    ],
)
def test_every_word_counts_and_its_case_does_not(app: Flask, orders: None, query: str, found: list[int]) -> None:
    with app.app_context():
        assert ids(query) == found


def test_a_search_is_held_to_a_state_and_to_what_is_older(app: Flask, orders: None) -> None:
    with app.app_context():
        db.session.get_one(Order, 5).state = OrderState.DONE
        db.session.commit()

        assert ids("анна", OrderState.DONE) == [5]
        assert ids("5", OrderState.FAILED) == []
        assert ids("анна", before_id=5) == [1]


def test_a_search_looks_at_so_many_orders_and_goes_on_from_there(app: Flask, orders: None) -> None:
    with app.app_context():
        first = search("анна", looked_at=3)
        second = search("анна", before_id=first.older_than, looked_at=3)

    assert ([order.id for order in first.orders], first.older_than, first.is_cut_short) == ([5], 3, True)
    assert ([order.id for order in second.orders], second.older_than, second.is_cut_short) == ([1], None, False)


def test_a_full_page_ends_where_the_next_one_begins(app: Flask, orders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_search, "PAGE_SIZE", 2)
    with app.app_context():
        first = search("лет")
        second = search("лет", before_id=first.older_than)

        assert [order.id for order in first.orders] == [5, 4]
        assert not first.is_cut_short
        assert [order.id for order in second.orders] == [3, 2]


def test_a_number_finds_its_order_however_old_it_is(app: Flask, orders: None) -> None:
    with app.app_context():
        assert [order.id for order in search("3", looked_at=2).orders] == [3]


def test_only_the_beginning_of_a_long_query_counts() -> None:
    assert tidy(" а\x00\nб " + "в" * 10_000) == "а б " + "в" * (orders_search.MAX_QUERY_LENGTH - len(" а\x00\nб "))


@pytest.mark.parametrize(
    ("query", "recipients"),
    [
        ("марие", ["Мария", "Марии Петровне"]),
        ("МАРИЮ", ["Мария", "Марии Петровне"]),
        ("марии петровна", ["Марии Петровне"]),
        ("ане", ["Аня"]),
        ("анну", []),
        ("мариной", ["Марина"]),
        ("ивана", ["Иван, коллега"]),
        ("коллегам", ["Иван, коллега"]),
        ("юбилея", ["Мария", "Марии Петровне", "Марина", "Марк", "Аня", "Иван, коллега", "Игорь"]),
        ("юбилею марка", ["Марк"]),
        ("игоря", ["Игорь"]),
        # A part of a word is found as it is.
        ("ари", ["Мария", "Марии Петровне", "Марина"]),
        ("арие", []),
        # So short a word has no ending that could be left out.
        ("ия", ["Мария"]),
    ],
)
def test_a_russian_word_is_found_in_its_other_cases(app: Flask, query: str, recipients: list[str]) -> None:
    with app.app_context():
        for recipient in ("Мария", "Марии Петровне", "Марина", "Марк", "Аня", "Иван, коллега", "Игорь"):
            builders.place_order(recipient=recipient).occasion = "юбилей"
            db.session.commit()

        assert [order.recipient for order in search(tidy(query)).orders][::-1] == recipients
