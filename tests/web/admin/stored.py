"""What the database holds about the section of poems."""

from flask import Flask

from domain.db import db
from domain.provider_configs.models import ProviderConfig
from providers.kinds import StageType

KEY = "sk-canary-0123456789a1b2"


def poem(app: Flask) -> ProviderConfig | None:
    """The section's row, None while it was never set."""
    with app.app_context():
        return db.session.query(ProviderConfig).filter_by(stage_type=StageType.POEM).one_or_none()
