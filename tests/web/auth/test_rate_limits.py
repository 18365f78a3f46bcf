"""Who guesses names and passwords is slowed down; nobody else is."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import redis
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from limits.storage import MemoryStorage
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from launch.embedded_redis import EmbeddedRedis
from tests.conftest import ADMIN_PASSWORD, production_settings
from tests.web.admin.browser import Page, post, token_of
from tests.web.conftest import seconds_given
from web.auth import rate_limit_storage
from web.auth.rate_limit_storage import SteadyStorage
from web.auth.rate_limits import limiter
from web.config import config_of
from web.redis_client import TIMEOUT_SECONDS

pytestmark = pytest.mark.usefixtures("clock")

#: How long a Redis is waited for; not here, where it is to answer.
REDIS_SECONDS = TIMEOUT_SECONDS
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.7"
WRONG = "wrong-password"

Try = Callable[..., TestResponse]


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """On one database: the counts are in none."""
    return apps("sqlite")


@pytest.fixture
def attempt(client: FlaskClient, administrator: str) -> Try:
    """``attempt(password)`` sends the form; as ``admin`` and from ``HERE``, unless told otherwise."""
    token = token_of(client.get("/admin/login"))

    def send(password: str, name: str = administrator, address: str = HERE) -> TestResponse:
        return client.post(
            "/admin/login",
            data={"csrf_token": token, "username": name, "password": password},
            environ_overrides={"REMOTE_ADDR": address},
        )

    return send


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def shared(app: Flask, redis_server: EmbeddedRedis, patient: None, monkeypatch: pytest.MonkeyPatch) -> EmbeddedRedis:
    """A Redis that the web processes share, empty, and one of them that has just begun to count."""
    with redis.Redis.from_url(redis_server.start()) as client:
        client.flushall()
    monkeypatch.setattr(limiter.storage, "_shared", rate_limit_storage.open_shared(redis_server.url))
    monkeypatch.setattr(limiter.storage, "_own", MemoryStorage())
    monkeypatch.setattr(limiter.storage, "_ask_again_at", 0.0)
    return redis_server


@contextmanager
def struck(redis_server: EmbeddedRedis, happens: str) -> Iterator[None]:
    """The Redis is killed, emptied or frozen, and at the end there again."""
    if happens == "killed":
        redis_server.kill()
    elif happens == "frozen":
        os.kill(redis_server.pid, signal.SIGSTOP)
        with patch.object(rate_limit_storage, "TIMEOUT_SECONDS", REDIS_SECONDS):
            storage_of_processes()._shared = rate_limit_storage.open_shared(redis_server.url)
    else:
        with redis.Redis.from_url(redis_server.url) as client:
            client.flushall()
    try:
        yield
    finally:
        if happens == "frozen":
            os.kill(redis_server.pid, signal.SIGCONT)
        redis_server.start()


def storage_of_processes() -> SteadyStorage:
    assert isinstance(limiter.storage, SteadyStorage)
    return limiter.storage


def statuses(answers: list[TestResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_the_sixth_failure_of_an_address_within_a_minute_is_not_tried(attempt: Try) -> None:
    answers = [attempt(WRONG, name=f"name-{number}") for number in range(6)]

    assert statuses(answers) == [422] * 5 + [429]
    assert 1 <= int(answers[5].headers["Retry-After"]) <= 60


def test_the_right_password_is_refused_while_the_limit_holds_and_taken_when_it_is_over(
    attempt: Try, clock: time_machine.Traveller
) -> None:
    for _ in range(5):
        attempt(WRONG)

    refused = attempt(ADMIN_PASSWORD)
    clock.shift(int(refused.headers["Retry-After"]))

    assert (refused.status_code, attempt(ADMIN_PASSWORD).status_code) == (429, 303)


def test_tries_that_are_refused_do_not_prolong_the_limit(attempt: Try, clock: time_machine.Traveller) -> None:
    for _ in range(5):
        attempt(WRONG)
    for _ in range(30):
        clock.shift(1)
        assert attempt(WRONG).status_code == 429
    clock.shift(31)

    assert attempt(WRONG).status_code == 422


def test_an_address_fails_twenty_times_an_hour_at_the_most(attempt: Try, clock: time_machine.Traveller) -> None:
    answers = []
    for number in range(21):
        answers.append(attempt(WRONG, name=f"name-{number}"))
        clock.shift(61)

    assert statuses(answers) == [422] * 20 + [429]
    assert 60 < int(answers[20].headers["Retry-After"]) <= 3600


def test_a_name_is_tried_fifty_times_an_hour_from_all_addresses_together_however_it_is_written(attempt: Try) -> None:
    spellings = ["admin", " Admin", "ADMIN ", "\uff41dmin"]
    answers = [attempt(WRONG, spellings[number % 4], f"198.51.100.{number}") for number in range(50)]

    assert statuses(answers) == [422] * 50
    assert attempt(ADMIN_PASSWORD, address=HERE).status_code == 429
    assert attempt(WRONG, name="somebody-else", address=HERE).status_code == 422


def test_another_address_is_not_slowed_down(attempt: Try) -> None:
    for number in range(6):
        attempt(WRONG, name=f"name-{number}")

    assert attempt(ADMIN_PASSWORD, address=ELSEWHERE).status_code == 303


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("", "", True),
    ],
)
def test_all_addresses_of_one_ipv6_network_are_one(attempt: Try, first: str, second: str, is_one: bool) -> None:
    for number in range(5):
        attempt(WRONG, f"name-{number}", first)

    assert attempt(WRONG, "name-5", second).status_code == (429 if is_one else 422)


def test_signing_in_is_no_failure_however_often(client: FlaskClient, administrator: str) -> None:
    for _ in range(12):
        token = token_of(client.get("/admin/login"))
        form = {"username": administrator, "password": ADMIN_PASSWORD}
        assert post(client, "/admin/login", form, token=token).status_code == 303
        post(client, "/admin/logout")


def test_a_form_that_is_not_filled_in_is_no_failure(attempt: Try) -> None:
    assert statuses([attempt("") for _ in range(12)]) == [422] * 12
    assert attempt(ADMIN_PASSWORD).status_code == 303


def test_tries_side_by_side_are_all_counted(app: Flask, administrator: str) -> None:
    def fail(number: int) -> int:
        client = app.test_client()
        form = {"username": f"name-{number}", "password": WRONG}
        return post(client, "/admin/login", form, token=token_of(client.get("/admin/login"))).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(fail, range(24)))

    assert sorted(answers) == [422] * 5 + [429] * 19


@pytest.mark.parametrize(
    ("language", "heading", "advice"),
    [("ru", "Слишком много попыток", "Повторите попытку через "), ("en", "Too many tries", "Try again in ")],
)
def test_who_is_limited_reads_how_long(
    client: FlaskClient, attempt: Try, language: str, heading: str, advice: str
) -> None:
    client.set_cookie("lang", language)
    for _ in range(5):
        attempt(WRONG)

    answer = attempt(WRONG)

    assert Page(answer).one("h1").text == heading
    assert advice in answer.text


def test_the_log_names_whom_we_know_and_never_what_else_stood_in_the_form(attempt: Try) -> None:
    with capture_logs() as events:
        for name in ("admin", "my-real-password"):
            attempt(WRONG, name)
        for _ in range(4):
            attempt(WRONG)

    refused = [event for event in events if event["event"] == "sign-in refused"]
    assert [event["administrator"] for event in refused[:2]] == ["admin", None]
    limited = [event for event in events if event["event"] == "too many failures"]
    assert [(event["address"], event["limit"]) for event in limited] == [(HERE, "5 per 1 minute")]
    assert "my-real-password" not in str(events)
    assert WRONG not in str(events)


def test_web_processes_count_together(attempt: Try, shared: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        attempt(WRONG)

    # Another process has seen none of it.
    monkeypatch.setattr(limiter.storage, "_own", MemoryStorage())

    assert attempt(WRONG).status_code == 429


@pytest.mark.parametrize("happens", ["killed", "emptied", "frozen"])
def test_a_limit_goes_on_holding_whatever_happens_to_redis(attempt: Try, shared: EmbeddedRedis, happens: str) -> None:
    for _ in range(5):
        attempt(WRONG)

    with struck(shared, happens):
        answers = [attempt(WRONG), attempt(ADMIN_PASSWORD)]

    assert statuses(answers) == [429, 429]


@pytest.mark.parametrize("happens", ["killed", "frozen"])
def test_failures_are_counted_while_redis_is_away_and_only_the_first_waits_for_it(
    attempt: Try, shared: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    assert rate_limit_storage.PAUSE_SECONDS == 5
    monkeypatch.setattr(rate_limit_storage, "PAUSE_SECONDS", 3600)  # however long so many tries take
    with struck(shared, happens), capture_logs() as events:
        shared_counts = storage_of_processes()._shared
        assert happens != "frozen" or (shared_counts and seconds_given(shared_counts.storage) == {1})
        answers = [attempt(WRONG) for _ in range(6)]

    assert statuses(answers) == [422] * 5 + [429]
    waited = [event for event in events if event["event"].endswith("each web process for itself")]
    assert len(waited) == 1


def test_who_waits_for_a_frozen_redis_beside_somebody_else_is_answered_too(
    app: Flask, administrator: str, shared: EmbeddedRedis
) -> None:
    forms = []
    for _ in range(4):
        client = app.test_client()
        forms.append((client, token_of(client.get("/admin/login"))))

    def sign_in(form: tuple[FlaskClient, str]) -> int:
        client, token = form
        return post(
            client, "/admin/login", {"username": administrator, "password": ADMIN_PASSWORD}, token=token
        ).status_code

    with struck(shared, "frozen"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sign_in, forms)) == [303] * 4


def test_redis_counts_again_when_it_is_back(
    attempt: Try, shared: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit_storage, "PAUSE_SECONDS", 0)
    with struck(shared, "killed"):
        attempt(WRONG)

    attempt(WRONG)

    with redis.Redis.from_url(shared.url) as client:
        keys = client.keys("*")
        assert len(keys) == 6
        assert all(key.startswith(b"quatrain:limits:") and client.ttl(key) > 0 for key in keys)
        assert b"admin" not in b"".join(keys)


@pytest.mark.parametrize(
    ("redis_url", "broker_url", "used"),
    [
        ("", "", ""),
        ("redis://one/0", "", "redis://one/0"),
        ("redis://one/0", "amqp://other//", "redis://one/0"),
        ("", "rediss://one/0", "rediss://one/0"),
        ("", "amqp://other//", ""),
    ],
)
def test_failures_are_counted_in_the_redis_that_there_is(redis_url: str, broker_url: str, used: str) -> None:
    config = config_of(production_settings(redis_url=redis_url, broker_url=broker_url))

    assert config["RATELIMIT_STORAGE_OPTIONS"] == {"redis_url": used}


@pytest.mark.parametrize("redis_is", ["there", "away"])
def test_counters_are_all_that_the_library_expects_of_them(shared: EmbeddedRedis, redis_is: str) -> None:
    storage = SteadyStorage("quatrain://", redis_url=shared.url if redis_is == "there" else "redis://127.0.0.1:1/0")
    assert [storage.incr("one", 60), storage.incr("one", 60), storage.incr("other", 60)] == [1, 2, 1]

    storage.clear("one")

    assert (storage.get("one"), storage.get("other"), storage.check()) == (0, 1, True)
    assert issubclass(redis.ConnectionError, storage.base_exceptions)
    storage.reset()
    assert storage.get("other") == 0
