"""The start page: the first steps, readiness, orders, what waits, and the last days."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.monitoring import call_counters
from domain.orders.models import OrderState, StageState
from domain.orders.stages import update_order_states
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import StageType
from tests import builders
from tests.web.admin.browser import Page

pytestmark = pytest.mark.usefixtures("clock")


def start(admin: FlaskClient) -> Page:
    return Page(admin.get("/admin"))


def first_run(admin: FlaskClient) -> tuple[str, list[str]]:
    """The words of the step that is next, and where the buttons of the steps lead."""
    page = start(admin)
    step = page.one("li", inside="first-run", aria_current="step")
    return step.text, [str(link.get("href")) for link in page.all("a", inside="first-run")]


def test_the_first_steps_tick_themselves_off_and_go(app: Flask, admin: FlaskClient) -> None:
    words, links = first_run(admin)
    assert "Выберите, кто пишет стихи" in words
    assert "Встроенные образцы" in words
    assert links == ["/admin/providers#poem"]

    with app.app_context():
        builders.working_section()
    words, links = first_run(admin)
    assert "Закажите стих" in words
    assert links == ["/admin/orders/new"]

    with app.app_context():
        builders.place_order()
    words, links = first_run(admin)
    assert "Посмотрите, что вышло" in words
    assert links == ["/admin/orders/1"]

    with app.app_context():
        builders.run(1)
    assert not [each for each in start(admin).elements if each.get("id") == "first-run"]


def test_samples_are_not_named_where_they_are_not_offered(
    admin: FlaskClient, change_settings: Callable[..., None]
) -> None:
    change_settings(dummy_provider=False)

    assert "Встроенные образцы" not in first_run(admin)[0]


def test_a_key_that_is_refused_keeps_the_first_step_open_and_says_why(
    app: Flask, admin: FlaskClient, openai_section: None
) -> None:
    with app.app_context():
        row = builders.section()
        row.set_status(Status.INVALID, Problem(Reason.REJECTED), utc_now())
        db.session.commit()

    words, _links = first_run(admin)

    assert "Провайдер не принимает ключ" in words
    assert "Настроить стих" in words


def test_what_is_empty_says_so(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order = builders.place_order()
        order.created_at, order.state = utc_now() - timedelta(days=30), OrderState.DONE
        order.stages[0].state = StageState.DONE
        db.session.commit()

    page = start(admin)

    assert "заказов не было" in page.by_id("orders-figures").text
    assert "Ничего не ждёт." in page.by_id("waits").text
    assert "ничего не сделано" in page.by_id("times").text
    assert "не обращались" in page.by_id("failures").text
    assert not page.all("svg")


def test_orders_of_today_and_of_the_week_are_counted(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        for days_ago, state in ((8, "done"), (3, "done"), (3, "failed"), (0, "done"), (0, "running")):
            order = builders.place_order()
            order.created_at, order.state = utc_now() - timedelta(days=days_ago), OrderState(state)
            db.session.commit()

    today, week = (figure.text for figure in start(admin).all("p", class_="mb-0 orders-placed"))

    assert today.split() == ["2", "готово:", "1,", "не", "закончено:", "1"]
    assert week.split()[:3] == ["4", "готово:", "2,"]
    assert "не получилось: 1" in week


def test_what_waits_is_told_with_its_reason_and_the_way_to_mend_it(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        for stage_type, state, reason in (
            (StageType.POEM, StageState.WAITING, "no_credit"),
            (StageType.SONG, StageState.ATTENTION, "answer_lost"),
        ):
            order = builders.place_order(frozenset({stage_type}), poem=None if stage_type == "POEM" else "Море.")
            stage = builders.stage_of(order, stage_type)
            stage.state, stage.reason = state, reason
            stage.waiting_since = stage.updated_at = utc_now() - timedelta(hours=3)
            update_order_states([order.id])
            db.session.commit()

    page = start(admin)

    words = page.by_id("waits").text
    assert "Стих: не хватает денег или квоты" in words
    assert "3 часа" in words
    links = {str(link.get("href")) for link in page.all("a", inside="waits")}
    assert links == {"/admin/providers#poem", "/admin/orders/2"}


def test_the_last_days_are_drawn_and_told_in_words(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section()
        for details in ("", "!unavailable", "!refused"):
            builders.run(builders.place_order(details=details))
        call_counters.count_up()

    page = start(admin)

    assert len(page.all("svg", class_="plot")) == 2
    assert all(plot.get("aria-hidden") == "true" for plot in page.all("svg"))
    assert "Половина — за" in page.by_id("times").text
    assert len(page.all("tr", inside="times")) == 1 + 7
    assert "неудачных: 2 из 3 обращений" in page.by_id("failures").text
    assert "провайдер не отвечает: 1" in page.by_id("failures").text


def test_the_page_keeps_itself_up_to_date_without_keeping_the_session_alive(admin: FlaskClient) -> None:
    assert start(admin).by_id("overview").get("data-live") == "/admin?live=1"
