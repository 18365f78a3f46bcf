"""On the pages, what there is no room for is refused with a sentence, and an order that was typed is kept."""

from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.errors import DiskFull
from sqlalchemy.exc import OperationalError

from tests.database_kinds import on_both_databases
from tests.full_disk import Disk, full_database
from tests.web.admin.browser import Page, post, save
from tests.web.admin.test_orders import NEW, ORDER, orders

#: Longer than what is free on the last page of any table.
LONG = {**ORDER, "details": "Море. " * 300, "stages": ["VOICE"], "poem": "Море шумит. " * 300}


@on_both_databases
@pytest.mark.parametrize("full", ["the disk of the works", "the database"])
def test_an_order_is_refused_and_stays_in_the_form(app: Flask, admin: FlaskClient, disk: Disk, full: str) -> None:
    with ExitStack() as stack:
        if full == "the database":
            stack.enter_context(full_database(app))
        else:
            disk.leave_little()
        answer = post(admin, NEW, LONG)

    page = Page(answer)
    assert answer.status_code == 507
    assert "Заказ не размещён: на диске нет места. Освободите место и нажмите кнопку." in page.by_id("main").text
    assert page.by_id("recipient").get("value") == LONG["recipient"]
    assert page.by_id("details").text == str(LONG["details"]).strip()
    assert page.by_id("poem").text == str(LONG["poem"]).strip()
    assert orders(app) == 0
    disk.make_room()
    assert post(admin, NEW, LONG).status_code == 303


@on_both_databases
def test_whatever_else_there_is_no_room_for_is_a_page_that_says_so(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("INSERT secret_column", {}, DiskFull("could not extend file"))

    monkeypatch.setattr("domain.provider_configs.changes.save", fail)

    answer = save(admin)

    page = Page(answer)
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    assert page.one("h1").text == "На диске нет места"
    assert "Ничего не сохранено; сохранённое раньше цело." in page.by_id("main").text
    assert page.one("a", class_="btn btn-primary").get("href") == "/admin"
    assert "secret_column" not in answer.text
