"""Fixtures of modules that take PostgreSQL down: the application on a server of the module's own. Import both."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade

from domain.db import db
from tests.conftest import production_settings
from tests.local_services import LocalPostgres
from web import create_app


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A server that a test may take down."""
    with LocalPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def migrated_app(own_postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application on that server."""
    settings = production_settings(database_url=own_postgres.new_database(), var_dir=tmp_path_factory.mktemp("var"))
    made = create_app(settings)
    made.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
    with made.app_context():
        upgrade()
    yield made
    with made.app_context():
        db.engine.dispose()
