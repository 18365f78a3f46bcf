"""How Alembic reaches the database: through the engine of the Flask application."""

from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import Enum

from domain import heartbeats
from domain.accounts import administrators, api_tokens
from domain.db import Base, UtcDateTime
from domain.orders import models, placing
from domain.provider_configs import history
from domain.provider_configs import models as provider_configs_models
from domain.secrets import salt

# Every module with a table has to be imported, or Alembic would take its table for one to drop.
TABLE_MODULES = (administrators, api_tokens, heartbeats, history, models, placing, provider_configs_models, salt)


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our own column types into migrations as plain ones: a migration must not change with the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; set DATABASE_URL and use `flask --app wsgi db upgrade`.")

with current_app.extensions["migrate"].db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite cannot alter a column; Alembic then copies the table.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
