"""What is asked of Alembic by hand: a new migration, and the statements of one without a database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from flask import Flask
from flask_migrate import Migrate, migrate, upgrade

from domain.db import Base, db
from tests.prepared_database import MIGRATIONS


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """An application with an empty database and no migration yet; the folder where its migrations go."""
    versions = tmp_path / "versions"
    versions.mkdir()
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/empty.db"
    db.init_app(app)
    extension = Migrate(app, db, directory=str(MIGRATIONS))

    @extension.configure
    def keep_them_apart(config: Config) -> Config:
        config.set_main_option("version_locations", str(versions))
        config.set_main_option("path_separator", "newline")
        return config

    with app.app_context():
        yield versions
        db.engine.dispose()


def test_a_new_migration_makes_every_table_and_writes_our_types_as_plain_ones(empty: Path) -> None:
    migrate(message="all of it")

    [script] = empty.glob("*.py")
    written = script.read_text()
    assert [name for name in Base.metadata.tables if f"op.create_table('{name}'" not in written] == []
    assert "sa.DateTime(timezone=True)" in written
    assert "sa.String(length=32)" in written
    assert [word for word in ("UtcDateTime", "sa.Enum", "StageState", "ProviderKind") if word in written] == []


@pytest.mark.usefixtures("empty")
def test_statements_without_a_database_are_refused_with_what_to_do() -> None:
    with pytest.raises(SystemExit, match="set DATABASE_URL"):
        upgrade(sql=True)
