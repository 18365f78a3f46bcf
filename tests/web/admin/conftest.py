"""An administrator's browser."""

import pytest
from flask import Flask

from domain.db import db, utc_now
from domain.provider_configs.models import Status
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.stored import KEY


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
