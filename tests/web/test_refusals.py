"""Whoever could not show that he may leaves one line in the log: who, where from, what for, and nothing he sent."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from domain.accounts import administrators
from domain.accounts.api_tokens import Rights, Scope, create_api_token, revoke_api_token
from domain.generation import callbacks
from tests.conftest import ADMIN_PASSWORD
from tests.web.admin.browser import token_of
from tests.web.api.conftest import ORDER
from tests.web.auth.test_login import sign_in
from tests.web.conftest import signed_in
from web.logs import configure_logs

pytestmark = pytest.mark.usefixtures("messages")

HERE = "203.0.113.7"
SENT = "qt_sent-as-a-secret-0123456789-0123456789-0123"
LINE = {"event": "authentication refused", "log_level": "warning", "address": HERE}
READ_ONLY = Rights(frozenset({Scope.ORDERS_READ}))

Lines = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lines_of(client: FlaskClient) -> Lines:
    """What the log tells of a request from ``HERE``."""

    def ask(
        method: str, path: str, bearer: str | None = None, address: str = HERE, **rest: Any
    ) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        with capture_logs() as events:
            client.open(path, method=method, headers=headers, environ_overrides={"REMOTE_ADDR": address}, **rest)
        return [dict(event) for event in events]

    return ask


@pytest.fixture
def new_token(app: Flask) -> Callable[..., str]:
    def create(name: str, rights: Rights | None = None) -> str:
        with app.app_context():
            return create_api_token(name, rights or Rights())

    return create


def api_line(why: str, path: str = "/api/v1/stages", method: str = "GET", **who: object) -> dict[str, object]:
    """The line of a token that was refused."""
    return {**LINE, "what": "API token", "why": why, "method": method, "path": path, **who}


def test_a_missing_token_is_told(lines_of: Lines) -> None:
    assert lines_of("GET", "/api/v1/stages?token=" + SENT) == [api_line("missing")]


def test_a_token_that_never_was_is_told_and_not_repeated(lines_of: Lines) -> None:
    told = lines_of("POST", f"/api/v1/orders?token={SENT}", SENT, json=ORDER)

    assert told == [api_line("unknown", "/api/v1/orders", "POST", token=None)]
    assert SENT[:8] not in str(told)


def test_a_revoked_token_is_told_by_its_name(lines_of: Lines, app: Flask, new_token: Callable[..., str]) -> None:
    token = new_token("shop")
    with app.app_context():
        revoke_api_token("shop")

    assert lines_of("GET", "/api/v1/stages", token) == [api_line("revoked", token="shop")]


def test_a_token_that_has_ended_is_told_by_its_name(lines_of: Lines, new_token: Callable[..., str]) -> None:
    token = new_token("shop", Rights(ends_at=datetime(2026, 1, 1, tzinfo=UTC)))

    assert lines_of("GET", "/api/v1/stages", token) == [api_line("ended", token="shop")]


def test_a_scope_that_is_missing_is_told(lines_of: Lines, new_token: Callable[..., str]) -> None:
    token = new_token("reader", READ_ONLY)

    assert lines_of("POST", "/api/v1/orders", token, json=ORDER) == [
        api_line("scope missing", "/api/v1/orders", "POST", token="reader", needs="orders:write")
    ]


def test_a_quota_that_is_used_up_is_told(lines_of: Lines, new_token: Callable[..., str]) -> None:
    token = new_token("shop", Rights(orders_per_day=1))

    first, second = (lines_of("POST", "/api/v1/orders", token, json=ORDER) for _ in range(2))

    line = {
        **LINE,
        "what": "order",
        "why": "quota used up",
        "token": "shop",
        "method": "POST",
        "path": "/api/v1/orders",
    }
    assert (first, second) == ([], [line])


def test_one_too_many_unknown_tokens_are_told_in_one_line_each(lines_of: Lines) -> None:
    told = [lines_of("GET", "/api/v1/stages?a=1", SENT) for _ in range(31)]

    assert told[:30] == [[api_line("unknown", token=None)]] * 30
    ((limited,),) = told[30:]
    assert (limited["event"], limited["address"], limited["limit"]) == ("too many failures", HERE, "30 per 1 minute")
    assert (limited["method"], limited["path"]) == ("GET", "/api/v1/stages")
    assert SENT[:8] not in str(told)


def test_an_address_is_told_as_the_limits_know_it(lines_of: Lines) -> None:
    ((told,),) = (lines_of("GET", "/api/v1/stages", address="2001:db8:1:2:3:4:5:6"),)

    assert told["address"] == "2001:db8:1:2::/64"


def test_a_long_path_is_cut(lines_of: Lines) -> None:
    (told,) = lines_of("GET", "/api/v1/orders/" + "9" * 5000)

    assert len(told["path"]) == 200


@pytest.mark.parametrize(("bearer", "why"), [(None, "missing"), (SENT, "wrong")])
def test_a_refused_metrics_token_is_told(
    lines_of: Lines, change_settings: Callable[..., None], bearer: str | None, why: str
) -> None:
    change_settings(metrics_token=SecretStr("fake-metrics-token-0123456789"))

    assert lines_of("GET", "/metrics?token=" + SENT, bearer) == [
        {**LINE, "what": "METRICS_TOKEN", "why": why, "method": "GET", "path": "/metrics"}
    ]


@pytest.mark.parametrize("token", ["a" * 32, "x" * 5000, "no-token-of-ours"])
def test_a_refused_callback_is_told_without_the_address_that_is_its_secret(lines_of: Lines, token: str) -> None:
    assert lines_of("POST", f"/callbacks/{token}", json={}) == [
        {**LINE, "what": "callback", "why": "unknown", "method": "POST", "path": "/callbacks/<token>"}
    ]


def test_a_failure_beneath_a_callback_does_not_tell_its_address_either(
    lines_of: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = {OperationalError("SELECT", {}, Exception("away")): "database fails", ValueError(): "request failed"}

    for error, event in crash.items():
        monkeypatch.setattr(callbacks, "note", lambda *_, error=error: (_ for _ in ()).throw(error))
        (told,) = lines_of("POST", f"/callbacks/{'a' * 32}", json={})
        assert (told["event"], told["path"]) == (event, "/callbacks/<token>")


@pytest.mark.parametrize(
    ("sent", "why"),
    [({}, "The CSRF token is missing."), ({"csrf_token": SENT}, "The CSRF token is invalid.")],
)
def test_a_refused_form_token_is_told_with_whose_session_it_was(
    app: Flask, administrator: str, lines_of: Lines, client: FlaskClient, sent: dict[str, str], why: str
) -> None:
    # The session needs a token of forms, or nothing could be wrong with another one.
    token_of(signed_in(app, client).get("/admin"))
    with client.session_transaction() as session:
        administrator_id = session["administrator_id"]

    told = lines_of("POST", "/admin/providers/update?a=1", data=sent)

    who = {"administrator_id": administrator_id, "method": "POST", "path": "/admin/providers/update"}
    assert told == [{**LINE, "what": "form token", "why": why, **who}]


def test_a_refused_form_token_of_a_stranger_is_told(lines_of: Lines) -> None:
    (told,) = lines_of("POST", "/admin/login", data={"username": "admin", "password": SENT})

    assert (told["what"], told["administrator_id"], told["path"]) == ("form token", None, "/admin/login")
    assert SENT[:8] not in str(told)


def test_the_check_of_forms_tells_nothing_a_second_time(
    app: Flask, lines_of: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    configure_logs(app.config["SETTINGS"])

    lines_of("POST", "/admin/login", data={})

    assert not logging.getLogger("flask_wtf.csrf").isEnabledFor(logging.INFO)
    assert [record.name for record in caplog.records if record.name.startswith("flask_wtf")] == []


def test_a_session_that_is_over_is_told_once_and_nobody_without_one_is(
    app: Flask, administrator: str, lines_of: Lines, client: FlaskClient
) -> None:
    nobody = lines_of("GET", "/admin")
    signed_in(app, client)
    with client.session_transaction() as session:
        administrator_id = session["administrator_id"]
    with app.app_context():
        administrators.end_all_sessions(administrator_id)

    over, later = lines_of("GET", "/admin/orders?state=done"), lines_of("GET", "/admin/orders")

    who = {"administrator_id": administrator_id, "method": "GET", "path": "/admin/orders"}
    assert (nobody, later) == ([], [])
    assert over == [{**LINE, "what": "session", "why": "over", **who}]


def test_who_may_leaves_no_such_line(
    app: Flask, administrator: str, client: FlaskClient, lines_of: Lines, new_token: Callable[..., str]
) -> None:
    told = lines_of("GET", "/api/v1/stages", new_token("shop"))
    with capture_logs() as events:
        sign_in(client, administrator, ADMIN_PASSWORD)

    assert told == []
    assert [event["event"] for event in events] == ["signed in"]
