"""Each door that a secret could leave by is shut; and each of these tests goes red while its door stands open."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domain.db import db, utc_now
from domain.monitoring import alert_delivery
from domain.monitoring.alerts import Alert, Trouble
from domain.provider_configs import history, overview
from domain.provider_configs.changes import ChangeRefused
from domain.provider_configs.models import Problem, Reason, Status
from domain.secrets.redaction import redactor
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.emulator.listener import Listener
from tests.web.admin.browser import post
from web.logs import configure_logs

KEY = "fake-canary-0123456789-a1b2"
MARK = "canary"


@dataclass
class House:
    """The application with a key in one section, somebody who is signed in, and what has been logged."""

    app: Flask
    admin: FlaskClient
    log: io.StringIO


@pytest.fixture
def house(app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    configure_logs(app.config["SETTINGS"])
    written = io.StringIO()
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")
    monkeypatch.setattr(handler, "stream", written)
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
        yield House(app, admin, written)
    configure_logs(app.config["SETTINGS"])


def log_it(house: House) -> str:
    structlog.get_logger("test").warning("the provider said", detail=f"{KEY} is wrong", deep={"list": [KEY]})
    logging.getLogger("gunicorn.error").error("cannot serve %s", KEY)
    logging.getLogger("celery").error("task failed", extra={"data": {"args": KEY}})
    return house.log.getvalue()


def warn_of_it(house: House) -> str:
    with warnings.catch_warnings():
        # Pytest, which takes warnings for itself, puts its own in their place meanwhile.
        logging.captureWarnings(False)
        configure_logs(house.app.config["SETTINGS"])
        redactor.know(KEY)
        handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")
        handler.stream = house.log  # type: ignore[attr-defined]
        warnings.simplefilter("always")
        warnings.warn(f"{KEY} is outdated", stacklevel=1)
    assert "is outdated" in house.log.getvalue()
    return house.log.getvalue()


def crash_in_a_page(house: House) -> str:
    def fail(*_: object) -> None:
        raise RuntimeError(f"nobody thought of {KEY}")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(overview, "overview", fail)
        answer = house.admin.get("/admin/providers")
    assert answer.status_code == 500
    assert "nobody thought of" in house.log.getvalue()
    return answer.text + house.log.getvalue()


def crash_a_process(house: House) -> str:
    fault = RuntimeError(f"nobody thought of {KEY}")
    sys.excepthook(RuntimeError, fault, fault.__traceback__)
    threading.excepthook(threading.ExceptHookArgs((RuntimeError, fault, fault.__traceback__, None)))
    assert house.log.getvalue().count("nobody thought of") >= 2
    return house.log.getvalue()


def store_what_a_provider_said(house: House) -> str:
    row = builders.section()
    row.set_status(Status.INVALID, Problem(Reason.REJECTED, f"not {KEY}"), utc_now())
    db.session.commit()
    return _dump("provider_configs")


def tell_the_history(house: House) -> str:
    history.record("check", "candidate_refused", StageType.POEM, detail=KEY)
    db.session.commit()
    return _dump("history")


def post_an_alert(house: House) -> str:
    db.session.add(Alert(trouble=Trouble.MODEL_GONE, stage_type=StageType.POEM, over=False, since=utc_now()))
    db.session.flush()
    db.session.execute(text("UPDATE alerts SET reason = :key, next_try_at = at"), {"key": KEY})
    db.session.commit()
    settings = house.app.config["SETTINGS"]
    with Listener() as listener, pytest.MonkeyPatch.context() as patched:
        patched.setattr(alert_delivery, "TIMEOUT_SECONDS", 60)
        patched.setattr(alert_delivery, "MAX_SECONDS", 60)
        patched.setitem(
            house.app.config, "SETTINGS", settings.model_copy(update={"alert_webhook_url": SecretStr(listener.url)})
        )
        assert alert_delivery.deliver(utc_now()) == 1
        return json.dumps(json.loads(listener.next().body))


def _dump(table: str) -> str:
    return str(db.session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608  # a name of ours


#: What leaves by a door, and the method of the redactor that shuts it.
DOORS: dict[str, tuple[Callable[[House], str], str]] = {
    "a log": (log_it, "clean_for_log"),
    "a warning": (warn_of_it, "clean_for_log"),
    "the traceback of a page": (crash_in_a_page, "clean_for_log"),
    "the traceback of a process": (crash_a_process, "clean_for_log"),
    "a stored reason": (store_what_a_provider_said, "without_keys"),
    "the history": (tell_the_history, "without_keys"),
    "an alert": (post_an_alert, "clean_all"),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_secret_leaves_by(door: str, house: House) -> None:
    leave, _ = DOORS[door]

    assert MARK not in leave(house)


@pytest.mark.parametrize("door", DOORS)
def test_it_would_leave_by_a_door_that_stands_open(door: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    leave, lock = DOORS[door]
    monkeypatch.setattr(redactor, lock, lambda value: str(value) if lock == "clean_for_log" else value)

    assert MARK in leave(house)


def test_libraries_log_by_our_handler_alone(house: House) -> None:
    for name in ("gunicorn.error", "gunicorn.access", "celery", "celery.task", "werkzeug"):
        logger = logging.getLogger(name)
        assert logger.handlers == [], name
        assert logger.propagate, name


def test_statements_and_rows_are_not_logged_even_when_everything_is(house: House) -> None:
    configure_logs(house.app.config["SETTINGS"].model_copy(update={"log_level": "DEBUG"}))

    assert not logging.getLogger("sqlalchemy.engine").isEnabledFor(logging.INFO)
    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.DEBUG)


def test_a_key_in_the_field_of_the_model_is_refused_and_not_kept(house: House) -> None:
    vendor_shaped = "sk-fake-in-the-wrong-field-0123456789"

    for model in (vendor_shaped, f"x{KEY}"):
        with pytest.raises(ChangeRefused) as refused:
            builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY, model=model)
        assert refused.value.code == "key_as_model"
        assert KEY not in str(refused.value.facts)
    form = {"stage_type": "POEM", "provider_kind": "OPENAI", "api_key": KEY, "model": vendor_shaped}
    assert post(house.admin, "/admin/providers/update", form).status_code == 303
    with house.admin.session_transaction() as session:
        assert vendor_shaped not in str(dict(session))
    answer = house.admin.get("/admin/providers").text
    assert "похоже на API-ключ" in answer
    assert vendor_shaped not in answer


def test_the_name_of_a_model_is_no_key_and_stays_to_be_seen(house: House) -> None:
    builders.section().models_cache = ["gpt-5.4-mini"]
    db.session.commit()

    with pytest.raises(ChangeRefused) as refused:
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key="gpt-5.4-mini")

    assert refused.value.code == "model_as_key"
    assert "gpt-5.4-mini" in house.admin.get("/admin/providers").text


def test_a_statement_that_fails_does_not_tell_its_values(house: House) -> None:
    nobody_knows_it = "fake-value-of-a-statement"

    with pytest.raises(SQLAlchemyError) as failed:
        db.session.execute(text("SELECT * FROM no_such_table WHERE x = :value"), {"value": nobody_knows_it})
    db.session.rollback()

    assert "no_such_table" in str(failed.value)
    assert nobody_knows_it not in str(failed.value)
