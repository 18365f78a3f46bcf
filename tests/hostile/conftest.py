"""Bad input from browsers and programs; each test counts what it sends."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from domain.db import db
from domain.provider_configs.history import HistoryEntry
from domain.provider_configs.models import ProviderConfig
from tests.hostile import strings
from tests.hostile.sending import URLENCODED
from tests.hostile.tally import PROPERTY, Tally, table
from tests.web.admin.browser import token_of
from tests.web.admin.conftest import openai_section  # noqa: F401
from tests.web.api.conftest import api, token  # noqa: F401
from tests.web.conftest import admin, clock, migrated_app  # noqa: F401
from web.auth.rate_limits import limiter

#: For what is refused before a database hears of it.
on_one_database = pytest.mark.parametrize("migrated_app", ["sqlite"], indirect=True)

UPDATE = "/admin/providers/update"
Post = Callable[..., TestResponse]

#: An origin, and its figures.
Figures = tuple[str, int, int, int]
_sums: dict[str, tuple[int, int, int]] = {}


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """What the test sends is counted here, under the ``ORIGIN`` of its module; it fails for whatever got through."""
    counted = Tally(request.module.ORIGIN)
    yield counted
    figures = (counted.origin, counted.tried, len(counted.crashes), len(counted.let_in))
    request.node.user_properties.append((PROPERTY, figures))
    assert counted.tried, "nothing was sent, so nothing was found out"
    if counted.verdict():
        pytest.fail(counted.verdict(), pytrace=False)


@pytest.fixture(params=[strings.OF_EACH_KIND, pytest.param(3, marks=pytest.mark.thorough)])
def kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many strings of each kind of ours are put into each place."""
    monkeypatch.setattr(strings, "OF_EACH_KIND", request.param)


@pytest.fixture
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told to wait, however often he is refused."""
    monkeypatch.setattr(limiter, "enabled", False)


@pytest.fixture
def csrf(admin: FlaskClient) -> str:  # noqa: F811
    """The token of the administrator's forms."""
    return token_of(admin.get("/admin/orders/new"))


@pytest.fixture
def post(admin: FlaskClient, csrf: str, tally: Tally) -> Post:  # noqa: F811
    """``post("what it is", body)``: send anything in place of a section's form, with the token in a header."""

    def call(what: str, body: Any, content_type: str = URLENCODED, **rest: Any) -> TestResponse:
        headers = {"X-CSRFToken": csrf}
        sent = admin.post(UPDATE, data=body, content_type=content_type, headers=headers, buffered=True, **rest)
        tally.answered(what, sent.status_code)
        return sent

    return call


@pytest.fixture
def stored(app: Flask) -> Iterator[Callable[[], object]]:
    """Everything that is stored of sections and of their history, to be compared."""
    with app.app_context():

        def read() -> object:
            db.session.rollback()
            tables = (ProviderConfig.__table__, HistoryEntry.__table__)
            rows = [db.session.execute(select(table)).all() for table in tables]
            db.session.rollback()
            return rows

        yield read


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Sum up what the tests have counted."""
    if report.when == "teardown":
        for name, figures in report.user_properties:
            if name == PROPERTY:
                origin, tried, crashes, let_in = cast("Figures", figures)
                before = _sums.get(origin, (0, 0, 0))
                _sums[origin] = (before[0] + tried, before[1] + crashes, before[2] + let_in)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the sums where this folder alone is run."""
    if _sums:
        terminalreporter.section("hostile inputs")
        terminalreporter.write_line(table(_sums))
