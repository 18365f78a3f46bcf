"""An administrator's browser."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from domain.accounts import Administrator
from domain.db import db, utc_now
from domain.provider_configs import Status
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.stored import KEY
from web import sessions


def signed_in(app: Flask, client: FlaskClient) -> FlaskClient:
    """``client`` with a session of the administrator ``admin``.

    It is written as signing in writes it, which ``test_auth.py`` tests: hashing takes a tenth of a second.
    """
    with app.app_context():
        account = db.session.scalars(select(Administrator).where(Administrator.username == "admin")).one()
        contents = sessions.contents(account.id, account.epoch)
    with client.session_transaction() as session:
        session.update(contents)
    return client


@pytest.fixture
def admin(app: Flask, client: FlaskClient, administrator: str, messages: list[tuple[str, int | str]]) -> FlaskClient:
    """A browser that is signed in; messages to the workers are noted, not sent."""
    return signed_in(app, client)


@pytest.fixture
def openai_section(app: Flask) -> None:
    """A section that OpenAI serves, with a list of two models."""
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-5.1")
        row = builders.section()
        row.models_cache, row.models_cache_updated_at = ["gpt-5.1", "gpt-5.1-mini"], utc_now()
        row.activated_at = row.passed_at = utc_now()
        row.check_requested_at = None
        row.set_status(Status.ACTIVE, None, utc_now())
        db.session.commit()
