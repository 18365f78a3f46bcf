"""One's own account: the password is changed in the page, and each session can be seen and ended."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from domain.accounts import administrators, passwords
from domain.accounts.open_sessions import OpenSession
from domain.db import db
from tests.conftest import ADMIN_PASSWORD
from tests.database_kinds import on_both_databases
from tests.web.admin.browser import Page, post, token_of
from tests.web.conftest import answer_of
from web.auth.browser_names import browser_name

pytestmark = pytest.mark.usefixtures("clock")

ACCOUNT = "/admin/account"
NEW = "four words about nothing"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1"
)
AT_HOME, ON_THE_WAY = "203.0.113.7", "2001:db8:0:1::5"

SignIn = Callable[..., FlaskClient]


@pytest.fixture
def sign_in(app: Flask, administrator: str) -> SignIn:
    """``sign_in()`` is a browser of the administrator, on this device and at this address."""

    def begin(device: str = FIREFOX, address: str = AT_HOME, password: str = ADMIN_PASSWORD) -> FlaskClient:
        browser = app.test_client()
        browser.environ_base |= {"HTTP_USER_AGENT": device, "REMOTE_ADDR": address}
        form = {"username": administrator, "password": password}
        answer = post(browser, "/admin/login", form, token=token_of(browser.get("/admin/login")))
        assert answer.status_code == 303
        return browser

    return begin


@pytest.fixture
def laptop(sign_in: SignIn) -> FlaskClient:
    return sign_in()


def change(
    browser: FlaskClient, present: str = ADMIN_PASSWORD, new: str = NEW, again: str | None = None
) -> TestResponse:
    token = token_of(browser.get(ACCOUNT))
    form = {"present": present, "new": new, "again": new if again is None else again}
    return post(browser, ACCOUNT, form, token=token)


def told_sessions(browser: FlaskClient) -> list[str]:
    """The words of each session, with what can be done about it."""
    return [each.text for each in Page(browser.get(ACCOUNT)).all("li") if "Адрес" in each.text]


def end_buttons(browser: FlaskClient) -> list[str]:
    forms = Page(browser.get(ACCOUNT)).all("form")
    return [str(form.get("action")) for form in forms if str(form.get("action")).endswith("/end")]


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/admin").status_code == 200


def test_the_menu_leads_there(admin: FlaskClient) -> None:
    entry = Page(admin.get("/admin")).one("a", href=ACCOUNT)

    assert entry.text == "Пароль и сеансы"


@on_both_databases
def test_the_password_is_changed_and_this_browser_goes_on_with_a_session_of_its_own(
    app: Flask, laptop: FlaskClient, sign_in: SignIn
) -> None:
    phone = sign_in(IPHONE, ON_THE_WAY)
    copied = laptop.get_cookie("session")
    assert copied is not None

    answer = change(laptop)

    assert (answer.status_code, answer.location) == (303, ACCOUNT)
    assert "Пароль изменён. Остальные ваши сеансы завершены." in laptop.get(ACCOUNT).text
    assert not is_in(phone)
    thief = app.test_client()
    thief.set_cookie("session", copied.value)
    assert not is_in(thief)
    assert is_in(sign_in(password=NEW))
    with app.app_context():
        assert administrators.sign_in("admin", ADMIN_PASSWORD) is None


def test_the_browser_in_which_it_was_changed_is_a_known_device_still(app: Flask, laptop: FlaskClient) -> None:
    before = laptop.get_cookie("device")
    change(laptop)
    after = laptop.get_cookie("device")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    post(laptop, "/admin/logout")
    stranger = app.test_client()
    token = token_of(stranger.get("/admin/login"))
    for number in range(60):
        sent_from = {"REMOTE_ADDR": f"198.51.100.{number}"}
        guess = {"csrf_token": token, "username": "admin", "password": "wrong"}
        stranger.post("/admin/login", data=guess, environ_overrides=sent_from)

    form = {"username": "admin", "password": NEW}
    answer = post(laptop, "/admin/login", form, token=token_of(laptop.get("/admin/login")))

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"present": "wrong-password"}, "present", "Нынешний пароль не подходит."),
        ({"present": ""}, "present", "Обязательное поле."),
        ({"new": "", "again": ""}, "new", "Обязательное поле."),
        ({"new": "short"}, "new", "В пароле должно быть от 8 до 1024 символов."),
        ({"new": "x" * 1025}, "new", "В пароле должно быть от 8 до 1024 символов."),
        ({"new": "password"}, "new", "Такой пароль пробуют одним из первых"),
        ({"new": "nimda2026"}, "new", "Такой пароль пробуют одним из первых"),
        ({"again": NEW + "!"}, "again", "Пароли не совпадают."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_changed(
    app: Flask, laptop: FlaskClient, form: dict[str, str], field: str, words: str
) -> None:
    answer = change(laptop, **form)

    assert answer.status_code == 422
    assert Page(answer).by_id(f"{field}-error").text.startswith(words)
    assert not any(each.get("value") for each in Page(answer).all("input", type="password"))
    assert is_in(laptop)
    with app.app_context():
        assert administrators.sign_in("admin", ADMIN_PASSWORD) is not None


def test_guesses_at_the_present_password_are_limited_for_that_session_alone(
    laptop: FlaskClient, sign_in: SignIn, clock: time_machine.Traveller
) -> None:
    thief = sign_in()
    answers = [change(thief, present="wrong-password").status_code for _ in range(6)]

    assert answers == [422] * 5 + [429]
    # The right one is refused as well.
    assert change(thief).status_code == 429
    assert change(laptop, new="short").status_code == 422
    assert sign_in()
    clock.shift(61)
    assert change(thief).status_code == 303


def test_what_is_no_guess_is_not_counted(laptop: FlaskClient) -> None:
    for _ in range(12):
        assert change(laptop, again="another").status_code == 422

    assert change(laptop).status_code == 303


def test_a_password_that_was_replaced_meanwhile_stays_replaced(
    app: Flask, laptop: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_right = passwords.is_right

    def replaced_after_this_look(password_hash: str | None, password: str) -> bool:
        found = is_right(password_hash, password)
        monkeypatch.setattr(administrators, "is_right", is_right)
        with db.engine.begin() as somebody_else:
            somebody_else.execute(update(administrators.Administrator).values(password_hash="of another password"))
        return found

    monkeypatch.setattr(administrators, "is_right", replaced_after_this_look)
    answer = change(laptop)

    assert Page(answer).by_id("present-error").text == "Нынешний пароль не подходит."
    with app.app_context():
        assert administrators.list_administrators()[0].password_hash == "of another password"


def test_who_changes_a_password_is_in_the_log_without_any(laptop: FlaskClient) -> None:
    with capture_logs() as events:
        change(laptop, present="wrong-password")
        change(laptop)

    told = [(event["event"], event["administrator"], event["address"]) for event in events]
    assert told == [("password not changed", "admin", AT_HOME), ("password changed", "admin", AT_HOME)]
    assert not any(password in str(events) for password in ("wrong-password", ADMIN_PASSWORD, NEW))


@on_both_databases
def test_each_session_is_told_with_its_device_its_address_and_its_times(
    laptop: FlaskClient, sign_in: SignIn, clock: time_machine.Traveller
) -> None:
    clock.shift(timedelta(minutes=10))
    sign_in(IPHONE, ON_THE_WAY)
    clock.shift(timedelta(minutes=5))

    this_one, phone = told_sessions(laptop)
    assert this_one == "Firefox, Linux этот сеанс Адрес: 203.0.113.7 Вход: 15 минут назад (сегодня, 12:00)"
    assert phone == (
        "Safari, iPhone Адрес: 2001:db8:0:1::/64 Вход: 5 минут назад (сегодня, 12:10)"
        " Последнее действие: 5 минут назад (сегодня, 12:10) Завершить: Safari, iPhone, 2001:db8:0:1::/64"
    )


def test_a_browser_that_names_itself_otherwise_is_unknown_and_shows_nothing_of_that_name(sign_in: SignIn) -> None:
    browser = sign_in("<b>my-own-robot</b>")

    assert told_sessions(browser)[0].startswith("Неизвестный браузер этот сеанс")
    assert "my-own-robot" not in browser.get(ACCOUNT).text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        (IPHONE, "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) … Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 10; K) … Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) … Chrome/140 YaBrowser/25.10 Safari/537.36", "Yandex Browser, Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) … Version/18.5 Safari/605.1.15", "Safari, macOS"),
        ("curl/8.5.0", ""),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_two_words(header: str, name: str) -> None:
    assert browser_name(header) == name


@on_both_databases
def test_one_session_is_ended_and_the_others_go_on(laptop: FlaskClient, sign_in: SignIn) -> None:
    phone, tablet = sign_in(IPHONE), sign_in("Mozilla/5.0 (iPad) Safari/604.1")
    [of_tablet, of_phone] = end_buttons(laptop)

    answer = post(laptop, of_phone)

    assert (answer.status_code, answer.location) == (303, f"{ACCOUNT}#sessions")
    assert "Сеанс завершён." in laptop.get(ACCOUNT).text
    assert [is_in(each) for each in (laptop, phone, tablet)] == [True, False, True]
    assert end_buttons(laptop) == [of_tablet]
    post(laptop, of_phone)
    assert "Этот сеанс уже был завершён." in laptop.get(ACCOUNT).text


def test_nobody_ends_or_sees_somebody_elses_sessions(app: Flask, laptop: FlaskClient) -> None:
    with app.app_context():
        administrators.create_administrator("olga", NEW)
        olgas = db.session.scalars(select(administrators.Administrator.id).filter_by(username="olga")).one()
        mine = db.session.scalars(select(OpenSession.id)).one()
    olga = app.test_client()
    post(olga, "/admin/login", {"username": "olga", "password": NEW}, token=token_of(olga.get("/admin/login")))

    post(olga, f"{ACCOUNT}/sessions/{mine}/end")

    assert is_in(laptop)
    assert len(told_sessions(laptop)) == len(told_sessions(olga)) == 1
    with app.app_context():
        assert db.session.scalars(select(OpenSession.administrator_id)).all().count(olgas) == 1


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**31), "9" * 40])
def test_a_session_that_cannot_be_is_not_there(laptop: FlaskClient, number: str) -> None:
    assert post(laptop, f"{ACCOUNT}/sessions/{number}/end").status_code in {303, 404}
    assert is_in(laptop)


def ends_by_time(browser: FlaskClient, clock: time_machine.Traveller) -> None:
    clock.shift(timedelta(minutes=31))


def ends_by_signing_out(browser: FlaskClient, clock: time_machine.Traveller) -> None:
    post(browser, "/admin/logout")


def ends_by_signing_out_everywhere(browser: FlaskClient, clock: time_machine.Traveller) -> None:
    post(browser, "/admin/logout-everywhere")


def ends_by_a_new_password(browser: FlaskClient, clock: time_machine.Traveller) -> None:
    change(browser, new=ADMIN_PASSWORD)


@pytest.mark.parametrize(
    "ends", [ends_by_time, ends_by_signing_out, ends_by_signing_out_everywhere, ends_by_a_new_password]
)
def test_what_is_over_is_neither_told_nor_kept(
    app: Flask,
    laptop: FlaskClient,
    sign_in: SignIn,
    clock: time_machine.Traveller,
    ends: Callable[[FlaskClient, time_machine.Traveller], None],
) -> None:
    ends(laptop, clock)
    with app.app_context():
        kept = db.session.scalar(select(func.count()).select_from(OpenSession)) or 0
    assert kept == (1 if ends in {ends_by_time, ends_by_a_new_password} else 0)

    phone = sign_in(IPHONE)

    devices = [words.partition(" Адрес")[0] for words in told_sessions(phone)]
    assert devices == ["Safari, iPhone этот сеанс", *(["Firefox, Linux"] if ends is ends_by_a_new_password else [])]


@on_both_databases
@pytest.mark.usefixtures("endless_locks")
def test_a_session_that_could_not_be_noted_is_noted_when_it_is_used_next(
    app: Flask, sign_in: SignIn, clock: time_machine.Traveller
) -> None:
    with app.app_context(), db.engine.connect() as somebody:
        somebody.execute(update(administrators.Administrator).values(last_signed_in_at=None))
        laptop = answer_of(sign_in)
        somebody.rollback()
    clock.shift(timedelta(minutes=2))

    laptop.get("/admin")

    assert told_sessions(laptop) == [
        "Firefox, Linux этот сеанс Адрес: 203.0.113.7 Вход: 2 минуты назад (сегодня, 12:00)"
    ]


def test_who_is_removed_leaves_no_address_behind(app: Flask, laptop: FlaskClient) -> None:
    with app.app_context():
        administrators.remove_administrator("admin", even_the_last=True)

        assert db.session.scalar(select(func.count()).select_from(OpenSession)) == 0
