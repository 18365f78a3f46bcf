"""How long somebody stays signed in, and what a copy of their cookie is good for."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from domain.accounts import administrators
from domain.accounts.ended_sessions import EndedSession
from domain.db import db
from tests import builders
from tests.conftest import production_settings
from tests.database_kinds import on_both_databases
from tests.web.admin.browser import Page, post
from tests.web.conftest import signed_in
from web.config import config_of

pytestmark = pytest.mark.usefixtures("clock")

IS_OVER = {"ru": "Сеанс завершён. Войдите снова.", "en": "Your session has ended. Sign in again."}
#: What pages ask for by themselves.
LIVE_PATHS = [
    "/admin/providers/POEM",
    "/admin/orders/1?part=stages",
    "/admin/providers?live=1",
    "/admin/orders/1?live=1",
]


@pytest.fixture
def second(app: Flask, admin: FlaskClient) -> FlaskClient:
    """Another browser of the same administrator."""
    return signed_in(app, app.test_client())


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def has_signed_in(app: Flask, cookie: str) -> bool:
    """Whether a browser that was given this cookie gets to see a page."""
    other = app.test_client()
    other.set_cookie("session", cookie)
    return other.get("/admin").status_code == 200


def says_that_it_is_over(client: FlaskClient) -> bool:
    return IS_OVER["ru"] in client.get("/admin/login").text


def test_a_session_that_is_used_goes_on(admin: FlaskClient, clock: time_machine.Traveller) -> None:
    for _ in range(5):
        clock.shift(timedelta(minutes=29))
        assert admin.get("/admin/orders").status_code == 200


def test_a_session_that_is_not_used_for_half_an_hour_is_over(admin: FlaskClient, clock: time_machine.Traveller) -> None:
    admin.get("/admin")
    clock.shift(timedelta(minutes=31))

    answer = admin.get("/admin/orders")

    assert (answer.status_code, answer.location) == (303, "/admin/login")
    assert says_that_it_is_over(admin)


def test_a_session_is_over_after_eight_hours_however_much_it_is_used(
    app: Flask, admin: FlaskClient, clock: time_machine.Traveller
) -> None:
    for _ in range(24):
        clock.shift(timedelta(minutes=19))
        assert admin.get("/admin").status_code == 200
    # The browser may keep a cookie for as long as it likes.
    kept = cookie_of(admin)
    clock.shift(timedelta(minutes=25))

    assert not has_signed_in(app, kept)
    assert admin.get("/admin").status_code == 303
    assert says_that_it_is_over(admin)


@pytest.mark.parametrize("path", LIVE_PATHS)
def test_a_page_that_keeps_itself_up_to_date_keeps_no_session_alive(
    app: Flask, admin: FlaskClient, clock: time_machine.Traveller, path: str
) -> None:
    with app.app_context():
        builders.place_order()
    for _ in range(6):
        clock.shift(timedelta(minutes=5) - timedelta(seconds=1))
        assert admin.get(path).status_code == 200
    clock.shift(timedelta(minutes=1))

    assert admin.get(path).location == "/admin/login"
    # The page asks again, and then the person looks: it still says so.
    admin.get(path)
    assert says_that_it_is_over(admin)


def test_pages_without_javascript_name_themselves_when_they_reload(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id

    refresh = Page(admin.get(f"/admin/orders/{order_id}")).one("meta", http_equiv="refresh")

    assert refresh.get("content") == "5; url=?live=1"


def test_the_times_are_settings(
    admin: FlaskClient, clock: time_machine.Traveller, change_settings: Callable[..., None]
) -> None:
    change_settings(session_idle_minutes=1)
    clock.shift(61)
    assert admin.get("/admin").status_code == 303

    config = config_of(production_settings(session_hours=2))
    assert config["PERMANENT_SESSION_LIFETIME"] == timedelta(hours=2)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_session_that_is_over_is_spoken_of_until_somebody_signs_in(
    admin: FlaskClient, clock: time_machine.Traveller, language: str
) -> None:
    clock.shift(timedelta(hours=1))
    admin.get("/admin")
    admin.set_cookie("lang", language)

    page = Page(admin.get("/admin/login"))

    assert page.one("div", role="status", class_="alert alert-warning").text == IS_OVER[language]


def test_who_never_signed_in_is_told_nothing(client: FlaskClient) -> None:
    client.get("/admin")

    assert not says_that_it_is_over(client)


def test_a_form_that_comes_too_late_changes_nothing_and_says_why(
    app: Flask, admin: FlaskClient, clock: time_machine.Traveller
) -> None:
    page = admin.get("/admin/providers")
    token = Page(page).all("input", name="csrf_token")[0].get("value")
    clock.shift(timedelta(minutes=31))

    answer = post(admin, "/admin/providers/POEM/clear", token=token)

    assert (answer.status_code, answer.location) == (303, "/admin/login")
    assert says_that_it_is_over(admin)


@on_both_databases
def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(app: Flask, admin: FlaskClient) -> None:
    copied = cookie_of(admin)
    assert has_signed_in(app, copied)

    post(admin, "/admin/logout")

    assert not has_signed_in(app, copied)


@on_both_databases
def test_signing_out_leaves_the_other_sessions_alone(app: Flask, admin: FlaskClient, second: FlaskClient) -> None:
    post(admin, "/admin/logout")

    assert second.get("/admin").status_code == 200
    assert not says_that_it_is_over(admin)


@on_both_databases
@pytest.mark.parametrize(
    ("language", "button", "words"),
    [
        ("ru", "Выйти везде", "Вы вышли на всех устройствах."),
        ("en", "Sign out everywhere", "You have signed out on all devices."),
    ],
)
def test_signing_out_everywhere_ends_every_session_of_that_administrator(
    app: Flask, admin: FlaskClient, second: FlaskClient, language: str, button: str, words: str
) -> None:
    copied = cookie_of(admin)
    admin.set_cookie("lang", language)
    form = Page(admin.get("/admin")).one("form", action="/admin/logout-everywhere")
    assert button in form.text

    answer = post(admin, "/admin/logout-everywhere")

    assert (answer.status_code, answer.location) == (303, "/admin/login")
    assert words in admin.get("/admin/login").text
    assert [client.get("/admin").status_code for client in (admin, second)] == [303, 303]
    assert not has_signed_in(app, copied)
    assert says_that_it_is_over(second)


@on_both_databases
def test_signing_out_everywhere_leaves_other_administrators_alone(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        administrators.create_administrator("olga", "another-password")

    post(admin, "/admin/logout-everywhere")

    other = app.test_client()
    token = Page(other.get("/admin/login")).one("input", name="csrf_token").get("value")
    post(other, "/admin/login", {"username": "olga", "password": "another-password"}, token=token)
    assert other.get("/admin").status_code == 200


def test_a_browser_is_told_to_forget_only_what_somebody_has_ended(
    app: Flask, admin: FlaskClient, second: FlaskClient, clock: time_machine.Traveller
) -> None:
    third = signed_in(app, app.test_client())
    signed_out = post(admin, "/admin/logout")
    clock.shift(timedelta(minutes=10))
    everywhere = post(second, "/admin/logout-everywhere")
    ended_elsewhere, asked_again = third.get("/admin"), third.get("/admin")
    clock.shift(timedelta(minutes=31))
    out_of_time = signed_in(app, app.test_client())
    clock.shift(timedelta(minutes=31))

    told = [each.headers.get("Clear-Site-Data") for each in (signed_out, everywhere, ended_elsewhere)]
    assert told == ['"cache", "storage"'] * 3
    for answer in (asked_again, out_of_time.get("/admin"), app.test_client().get("/admin")):
        assert "Clear-Site-Data" not in answer.headers


def test_what_was_to_be_told_to_one_person_is_not_told_to_who_comes_after_their_time(
    app: Flask, admin: FlaskClient, clock: time_machine.Traveller
) -> None:
    with admin.session_transaction() as session:
        session["_flashes"] = [("success", "Заказ для Зинаиды принят.")]
    clock.shift(timedelta(minutes=31))
    admin.get("/admin")

    assert "Зинаиды" not in admin.get("/admin/login").text


@on_both_databases
def test_a_removed_administrators_cookie_is_not_good_for_who_gets_the_same_id(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        administrators.remove_administrator("admin", even_the_last=True)
        administrators.create_administrator("olga", "another-password")

    assert admin.get("/admin").location == "/admin/login"


def test_a_cookie_of_an_earlier_release_is_no_session(admin: FlaskClient) -> None:
    with admin.session_transaction() as session:
        del session["session_id"], session["signed_in_at"], session["seen_at"]

    assert admin.get("/admin").location == "/admin/login"


@on_both_databases
def test_what_was_signed_out_is_forgotten_when_its_time_would_have_been_over(
    app: Flask, admin: FlaskClient, second: FlaskClient, clock: time_machine.Traveller
) -> None:
    post(admin, "/admin/logout")
    post(second, "/admin/logout")
    assert _sessions_kept(app) == 2
    clock.shift(timedelta(hours=8, seconds=1))

    post(signed_in(app, app.test_client()), "/admin/logout")

    assert _sessions_kept(app) == 1


def _sessions_kept(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(EndedSession)) or 0
