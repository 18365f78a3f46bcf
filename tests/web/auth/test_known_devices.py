"""Who guesses an administrator's password keeps out strangers for a while, and never who has signed in there before."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from domain.accounts import administrators
from domain.db import db, utc_now
from tests.conftest import ADMIN_PASSWORD
from tests.web.admin.browser import Page, post, token_of
from web.auth import known_devices

pytestmark = pytest.mark.usefixtures("clock")

HOME, OFFICE, CAFE = "203.0.113.7", "203.0.113.8", "203.0.113.9"
WRONG, NEW = "wrong-password", "another-password"
INVITED = re.compile(r"/admin/login\?device=\S+")


class Device:
    """A browser that nobody has used yet."""

    def __init__(self, app: Flask, address: str = HOME) -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address

    def sign_in(self, password: str = ADMIN_PASSWORD, name: str = "admin", address: str = "") -> TestResponse:
        return self.send(token_of(self.client.get("/admin/login")), password, name, address)

    def send(self, token: str, password: str, name: str, address: str = "") -> TestResponse:
        form = {"csrf_token": token, "username": name, "password": password}
        sent_from = {"REMOTE_ADDR": address or self.address}
        return self.client.post("/admin/login", data=form, environ_overrides=sent_from)

    def sign_out(self) -> None:
        post(self.client, "/admin/logout")

    def gets_in(self, **how: str) -> bool:
        """Whether the right password is taken; signs out again."""
        answer = self.sign_in(**how)
        assert answer.status_code in {303, 429}
        if answer.status_code == 303:
            self.sign_out()
        return answer.status_code == 303

    @property
    def mark(self) -> str:
        cookie = self.client.get_cookie("device")
        return cookie.value if cookie else ""


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """On one database: the counts are in none."""
    return apps("sqlite")


@pytest.fixture
def new_device(app: Flask, administrator: str) -> Callable[..., Device]:
    """``new_device(address)``, by default at ``HOME``."""
    return lambda address=HOME: Device(app, address)


@pytest.fixture
def laptop(new_device: Callable[..., Device]) -> Device:
    """Where the administrator has signed in, and out again."""
    device = new_device()
    assert device.gets_in()
    return device


@pytest.fixture
def guess(app: Flask) -> Callable[..., list[int]]:
    """``guess(times, addresses)`` tries wrong passwords from so many new addresses in turn; returns the statuses."""

    networks = count()

    def send(times: int, addresses: int, name: str = "admin") -> list[int]:
        stranger = Device(app)
        token = token_of(stranger.client.get("/admin/login"))
        network = f"198.51.{next(networks)}"
        return [
            stranger.send(token, WRONG, name, f"{network}.{number % addresses}").status_code for number in range(times)
        ]

    return send


Guess = Callable[..., list[int]]
NewDevice = Callable[..., Device]


@contextmanager
def statements_counted(app: Flask) -> Iterator[list[str]]:
    """What the database is asked."""
    asked: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_ten_wrong_tries_from_two_addresses_lock_out_nobody_else(
    laptop: Device, new_device: NewDevice, guess: Guess
) -> None:
    assert guess(10, addresses=2) == [422] * 10

    assert laptop.gets_in()
    assert new_device(CAFE).gets_in()


def test_guesses_from_everywhere_keep_out_new_devices_and_never_those_that_are_known(
    laptop: Device, new_device: NewDevice, guess: Guess
) -> None:
    assert guess(51, addresses=11) == [422] * 50 + [429]

    assert not new_device(CAFE).gets_in()
    assert laptop.gets_in()
    assert laptop.gets_in(address=OFFICE)


def test_all_unknown_devices_together_try_a_name_a_hundred_times_a_day(
    guess: Guess, administrator: str, clock: time_machine.Traveller
) -> None:
    tried = []
    for _ in range(3):
        tried += guess(52, addresses=11)
        clock.shift(timedelta(hours=1, seconds=1))

    assert tried.count(422) == 100
    assert guess(1, addresses=1, name="somebody-else") == [422]
    clock.shift(timedelta(hours=22))
    assert guess(1, addresses=1) == [422]


def test_a_known_device_at_the_address_that_guesses_gets_in(laptop: Device, new_device: NewDevice) -> None:
    stranger = new_device(HOME)
    assert [stranger.sign_in(WRONG).status_code for _ in range(6)] == [422] * 5 + [429]

    assert laptop.gets_in()


def test_who_goes_on_guessing_waits_longer_and_longer(new_device: NewDevice, clock: time_machine.Traveller) -> None:
    stranger, waits = new_device(), [0]

    while waits[-1] <= 3600:
        answer = stranger.sign_in(WRONG)
        if answer.status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            clock.shift(waits[-1] + 1)

    assert 0 < waits[1] <= 60
    assert any(60 < wait <= 3600 for wait in waits)
    assert waits[-1] <= 86400


def test_failures_on_a_known_device_count_for_it_alone(laptop: Device, new_device: NewDevice) -> None:
    phone = new_device(HOME)
    assert phone.gets_in()

    answers = [laptop.sign_in(WRONG).status_code for _ in range(6)]

    assert answers == [422] * 5 + [429]
    # The right password is refused as well: it would tell who has found the laptop.
    assert not laptop.gets_in()
    assert phone.gets_in()
    assert new_device(HOME).gets_in()


def test_failures_on_a_known_device_pass_by_themselves(laptop: Device, clock: time_machine.Traveller) -> None:
    for _ in range(6):
        answer = laptop.sign_in(WRONG)
    clock.shift(int(answer.headers["Retry-After"]))

    assert laptop.gets_in()


def test_a_device_is_known_for_those_who_have_signed_in_there_and_nobody_else(
    app: Flask, laptop: Device, guess: Guess
) -> None:
    with app.app_context():
        administrators.create_administrator("olga", NEW)
    guess(51, addresses=11, name="olga")
    assert not laptop.gets_in(name="olga", password=NEW)

    # An hour later there she is.
    with time_machine.travel(utc_now() + timedelta(hours=2)):
        assert laptop.gets_in(name="olga", password=NEW)
        for name in ("olga", "admin"):
            guess(51, addresses=11, name=name)
        assert laptop.gets_in()
        assert laptop.gets_in(name="olga", password=NEW)


def end_by_a_new_password(app: Flask, _device: Device) -> None:
    with app.app_context():
        administrators.set_password("admin", NEW)
        administrators.set_password("admin", ADMIN_PASSWORD)


def end_by_signing_out_everywhere(app: Flask, _device: Device) -> None:
    with app.app_context():
        administrator = administrators.find_by_name("admin")
        assert administrator is not None
        administrators.end_all_sessions(administrator.id)


def end_by_removing_who_it_was(app: Flask, _device: Device) -> None:
    with app.app_context():
        administrators.remove_administrator("admin", even_the_last=True)
        administrators.create_administrator("admin", ADMIN_PASSWORD)


@pytest.mark.parametrize("end", [end_by_a_new_password, end_by_signing_out_everywhere, end_by_removing_who_it_was])
def test_a_device_is_forgotten_with_all_that_its_administrator_ends(
    app: Flask, laptop: Device, guess: Guess, end: Callable[[Flask, Device], None]
) -> None:
    end(app, laptop)
    guess(51, addresses=11)

    assert not laptop.gets_in()


def test_who_signs_out_everywhere_because_somebody_guesses_gets_in_again_where_he_did(
    laptop: Device, new_device: NewDevice, guess: Guess
) -> None:
    another = new_device(CAFE)
    another.sign_in()
    guess(51, addresses=11)

    laptop.sign_in()
    post(laptop.client, "/admin/logout-everywhere")

    assert laptop.gets_in()
    assert not another.gets_in()


def test_a_device_is_forgotten_after_half_a_year(
    laptop: Device, new_device: NewDevice, guess: Guess, clock: time_machine.Traveller
) -> None:
    copy = laptop.mark
    clock.shift(timedelta(days=180, seconds=1))
    guess(51, addresses=11)
    laptop.client.set_cookie("device", copy)

    assert not laptop.gets_in()


FORGED = [
    "",
    ":",
    "x",
    "x" * 3000,
    ":".join("abcde"),
    "1-x.y.z",
    "\u2603",
    "a.b.c:" * 50,
    "1-abc.aaaa.%00",
    "....",
    "\x7f",
]


def test_what_is_no_mark_of_ours_makes_no_device_known(new_device: NewDevice, guess: Guess) -> None:
    guess(51, addresses=11)
    device = new_device(CAFE)

    for forged in FORGED:
        device.client.set_cookie("device", forged)
        assert not device.gets_in(), forged


def test_the_mark_holds_no_name_and_opens_nothing(app: Flask, laptop: Device, new_device: NewDevice) -> None:
    thief = new_device(CAFE)
    thief.client.set_cookie("device", laptop.mark)

    assert thief.client.get("/admin").location == "/admin/login"
    parts = re.split("[.:-]", laptop.mark)
    decoded = b" ".join(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts if len(part) % 4 != 1)
    assert "admin" not in laptop.mark
    assert b"admin" not in decoded


def test_a_copy_of_the_mark_gives_no_more_guesses_than_the_device_has(laptop: Device, new_device: NewDevice) -> None:
    thief = new_device(CAFE)
    thief.client.set_cookie("device", laptop.mark)
    for _ in range(5):
        thief.sign_in(WRONG)

    assert not laptop.gets_in()


@pytest.mark.parametrize(
    ("public_url", "name", "is_secure"),
    [("", "device", False), ("https://gifts.example", "__Host-device", True)],
)
def test_its_cookie_keeps_to_itself(
    new_device: NewDevice, change_settings: Callable[..., None], public_url: str, name: str, is_secure: bool
) -> None:
    change_settings(public_url=public_url)

    [cookie] = [each for each in new_device().sign_in().headers.getlist("Set-Cookie") if each.startswith(f"{name}=")]

    assert ("Secure" in cookie) is is_secure
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=15552000"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_only_a_good_sign_in_makes_a_device_known(new_device: NewDevice) -> None:
    device = new_device()

    device.sign_in(WRONG)
    device.sign_in(name="nobody")

    assert device.mark == ""


def test_answers_are_the_same_for_known_and_unknown_names_with_and_without_a_mark(
    laptop: Device, new_device: NewDevice, guess: Guess
) -> None:
    told: set[tuple[int, int, str, str | None]] = set()
    for name in ("admin", "nobody"):
        for tries in (0, 51):
            guess(tries, addresses=11, name=name)
            for mark in ("", "x.y.z"):
                device = new_device(f"192.0.2.{len(told)}")
                device.client.set_cookie("device", mark)
                answer = device.sign_in(WRONG, name)
                words = Page(answer).one("main").text
                told.add((tries, answer.status_code, words, answer.headers.get("Retry-After")))

    assert sorted(status for _, status, *_ in told) == [422, 429]


def test_a_refused_stranger_costs_no_question_to_the_database_whichever_name_it_is(
    app: Flask, new_device: NewDevice, guess: Guess
) -> None:
    for name in ("admin", "nobody"):
        guess(51, addresses=11, name=name)
    stranger = new_device(CAFE)
    token = token_of(stranger.client.get("/admin/login"))

    with statements_counted(app) as asked:
        answers = [
            stranger.client.post("/admin/login", data={"csrf_token": token, "username": name, "password": WRONG})
            for name in ("admin", "nobody")
        ]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert asked == []


def invite(run: Callable[..., Result]) -> str:
    """What the command on the server prints, from its path on."""
    done = run("admin", "let-in", "admin")
    assert done.exit_code == 0
    [found] = INVITED.findall(done.stdout)
    return str(found)


def test_a_new_device_is_let_in_from_the_server_while_somebody_guesses(
    run: Callable[..., Result], new_device: NewDevice, guess: Guess
) -> None:
    guess(51, addresses=11)
    phone = new_device(CAFE)
    address = invite(run)
    assert "admin" not in address.removeprefix("/admin/")

    answer = phone.client.get(address)

    assert (answer.status_code, answer.location) == (303, "/admin/login")
    assert "Это устройство теперь известно. Войдите." in phone.client.get("/admin/login").text
    assert phone.client.get("/admin").status_code == 303
    assert phone.gets_in()


def test_an_invitation_is_good_for_a_quarter_of_an_hour(
    run: Callable[..., Result], new_device: NewDevice, clock: time_machine.Traveller
) -> None:
    address = invite(run)
    clock.shift(timedelta(minutes=15, seconds=1))
    phone = new_device(CAFE)

    for late in (address, "/admin/login?device=", "/admin/login?device=x.y.z", "/admin/login?device=%00"):
        assert phone.client.get(late).location == "/admin/login"
        assert "Этот адрес больше не действует." in phone.client.get("/admin/login").text
    assert phone.mark == ""


def test_one_invitation_gives_the_guesses_of_one_device(
    run: Callable[..., Result], new_device: NewDevice, guess: Guess
) -> None:
    guess(51, addresses=11)
    address = invite(run)
    devices = [new_device(f"192.0.2.{number}") for number in range(6)]

    for device in devices:
        device.client.get(address)

    assert [device.sign_in(WRONG).status_code for device in devices] == [422] * 5 + [429]


def test_nobody_is_let_in_whom_we_do_not_know(run: Callable[..., Result]) -> None:
    done = run("admin", "let-in", "nobody")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "There is no administrator called nobody.\n"


def test_the_address_to_open_is_the_one_that_others_reach_us_at(
    run: Callable[..., Result], administrator: str, change_settings: Callable[..., None]
) -> None:
    assert "http://localhost:8000/admin/login?device=" in run("admin", "let-in", administrator).stdout
    change_settings(public_url="https://gifts.example/")

    assert "\nhttps://gifts.example/admin/login?device=" in run("admin", "let-in", administrator).stdout


def test_a_browser_keeps_the_marks_of_four_people_at_the_most(app: Flask, new_device: NewDevice) -> None:
    device = new_device()
    for name in ("anna", "boris", "vera", "gleb", "dina"):
        with app.app_context():
            administrators.create_administrator(name, NEW)
        assert device.gets_in(name=name, password=NEW)

    assert device.mark.count(known_devices.BETWEEN) == known_devices.MAX_NAMES - 1
