"""Times on pages are the shop's, to be read and not only to be pointed at; its days begin at its midnight."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from domain.accounts.api_tokens import create_api_token
from domain.db import db, utc_now
from domain.orders.models import Order, StageState
from domain.provider_configs import history
from providers.kinds import StageType
from tests import builders
from tests.web.admin.browser import Page
from tests.web.conftest import json_of, signed_in
from web.i18n.languages import due, exact_words

MOSCOW, BERLIN = "Europe/Moscow", "Europe/Berlin"


@pytest.fixture
def at(app: Flask) -> Callable[..., str]:
    """``at(zone, now, moment, lang)``: what a page says at ``now`` of ``moment``, as clocks in the zone show them."""
    before = app.config["SETTINGS"]

    def words(zone: str, now: str, moment: str, lang: str = "ru") -> str:
        app.config["SETTINGS"] = before.model_copy(update={"time_zone": zone})
        there = ZoneInfo(zone)
        with (
            time_machine.travel(datetime.fromisoformat(now).replace(tzinfo=there), tick=False),
            app.test_request_context(f"/?lang={lang}"),
        ):
            return exact_words(datetime.fromisoformat(moment).replace(tzinfo=there))

    return words


@pytest.mark.parametrize(
    ("zone", "now", "moment", "lang", "said"),
    [
        (MOSCOW, "2026-11-30 13:10", "2026-11-30 13:06", "ru", "сегодня, 13:06"),
        (MOSCOW, "2026-11-30 13:10", "2026-11-29 18:40", "ru", "вчера, 18:40"),
        (MOSCOW, "2026-11-30 13:10", "2026-12-01 09:00", "ru", "завтра, 09:00"),
        (MOSCOW, "2026-11-30 13:10", "2026-11-12 09:15", "ru", "12 нояб., 09:15"),
        (MOSCOW, "2026-11-30 13:10", "2025-11-12 09:15", "ru", "12 нояб. 2025, 09:15"),
        (MOSCOW, "2026-11-30 13:10", "2026-11-12 09:15", "en", "12 Nov, 09:15"),
        # The calendars of Moscow and UTC are a day apart at these moments.
        (MOSCOW, "2026-11-30 00:05", "2026-11-29 23:59", "ru", "вчера, 23:59"),
        (MOSCOW, "2026-11-30 02:00", "2026-11-30 00:01", "ru", "сегодня, 00:01"),
        # Clocks go forward at 2 and back at 3.
        (BERLIN, "2026-03-29 12:00", "2026-03-29 01:59", "en", "today, 01:59"),
        (BERLIN, "2026-03-29 12:00", "2026-03-28 12:00", "en", "yesterday, 12:00"),
        (BERLIN, "2026-10-25 23:30", "2026-10-25 00:30", "en", "today, 00:30"),
    ],
)
def test_a_time_is_told_as_the_shops_clock_and_calendar_show_it(
    at: Callable[..., str], zone: str, now: str, moment: str, lang: str, said: str
) -> None:
    assert at(zone, now, moment, lang) == said


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(minutes=4), "через 4 минуты (сегодня, 12:04)"),
        (timedelta(seconds=1), "вот-вот"),
        (timedelta(0), "вот-вот"),
        (timedelta(minutes=-3), "вот-вот"),
    ],
)
def test_what_is_planned_is_never_told_as_if_it_had_happened(app: Flask, away: timedelta, said: str) -> None:
    with app.test_request_context():
        assert due(utc_now() + away).striptags() == said


@pytest.mark.usefixtures("clock")
def test_every_page_tells_the_shops_time_and_the_api_tells_utc(
    app: Flask, admin: FlaskClient, change_settings: Callable[..., None]
) -> None:
    change_settings(time_zone=MOSCOW)
    with app.app_context():
        builders.working_section()
        order_id = builders.place_order().id
        builders.run(order_id)
        signed = {"Authorization": f"Bearer {create_api_token('shop', builders.ALL_RIGHTS)}"}
        for _ in range(2):
            history.record_check(StageType.POEM, "section_invalid", reason="rejected")
            db.session.commit()

    entries = Page(admin.get("/admin/providers/POEM/history")).all("li", class_="list-group-item text-break")
    assert "сегодня, 15:00" in entries[0].text
    assert "раз: 2, последний — сегодня, 15:00." in entries[0].text
    for path in ("/admin/orders", f"/admin/orders/{order_id}", "/admin/providers"):
        assert "сегодня, 15:00" in Page(admin.get(path)).by_id("main").text
    for path in ("", "/providers", "/providers/POEM/history", "/orders", f"/orders/{order_id}"):
        assert "UTC" not in Page(admin.get(f"/admin{path}")).by_id("main").text
    assert json_of(admin.get(f"/api/v1/orders/{order_id}", headers=signed))["created_at"] == "2026-11-18T12:00:00Z"


@pytest.mark.usefixtures("clock")
def test_a_past_moment_is_told_by_its_distance_and_by_the_clock(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        since = utc_now() - timedelta(minutes=3)
        builders.set_state(order_id, StageType.POEM, StageState.ATTENTION, reason="answer_lost", updated_at=since)

    assert (
        "Остановлено 3 минуты назад (сегодня, 11:57)."
        in Page(admin.get(f"/admin/orders/{order_id}")).by_id("poem").text
    )


@pytest.mark.parametrize(("zone", "placed_today"), [("UTC", 2), (MOSCOW, 1), ("America/New_York", 2)])
@pytest.mark.usefixtures("administrator")
def test_the_start_page_begins_its_day_at_the_shops_midnight(
    app: Flask, client: FlaskClient, change_settings: Callable[..., None], zone: str, placed_today: int
) -> None:
    now = datetime(2026, 11, 29, 22, 0, tzinfo=ZoneInfo("UTC"))
    change_settings(time_zone=zone)
    with app.app_context():
        for placed_at in (now - timedelta(hours=2), now - timedelta(minutes=30)):
            db.session.get_one(Order, builders.place_order().id).created_at = placed_at
            db.session.commit()

    with time_machine.travel(now, tick=False):
        text = Page(signed_in(app, client).get("/admin")).by_id("orders-figures").text

    assert f"Сегодня {placed_today}" in text
    assert f"День начинается в полночь; часовой пояс — {zone}." in text
