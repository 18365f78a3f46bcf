"""The house of the model on each kind of database, and how long the model runs."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_migrate import upgrade

from domain.db import db
from tests.conftest import production_settings
from tests.model.house import House, opened
from web import create_app

#: A folder in memory, where there is one: what a power cut would leave is of no interest here.
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder with a name of its own is made in it


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    usable = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if usable else None, prefix="quatrain-model-") as name:
        yield Path(name)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def house(request: pytest.FixtureRequest, folder: Path) -> Iterator[House]:
    """The house on a new, migrated database."""
    kind = request.param
    url = (
        f"sqlite:///{folder / 'quatrain.db'}"
        if kind == "sqlite"
        else request.getfixturevalue("postgres").new_database()
    )
    app = create_app(production_settings(database_url=url, var_dir=folder / kind, min_free_disk_mb=0))
    (folder / kind / "media").mkdir(parents=True)
    (folder / kind / "not-a-folder").touch()
    with app.app_context():
        upgrade()
    with opened(app) as house:
        yield house
    with app.app_context():
        db.engine.dispose()
