"""Fixtures for the whole suite. Nothing here reaches a network, and no key from the machine's environment gets in."""

import os
import secrets
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import delete, select, text

import tests.machine_environment  # noqa: F401  # clears the environment before the rest of ours is imported
from settings import Settings
from tests.database_kinds import BOTH_DATABASES
from tests.emulator.server import Emulator, EmulatorServer
from tests.full_disk import Disk
from tests.local_s3 import LocalS3
from tests.local_services import LocalPostgres
from tests.running_system import free_port

pytest_plugins = ["tests.distribution"]

ADMIN_PASSWORD = "correct-horse-battery"
#: A test that sends a message by mistake fails with this sentence.
FORGOTTEN_BROKER = "a-test-tried-to-use-the-broker://"
#: In hex, no secret is ever taken for a passphrase, which would take half a second to stretch.
SECRETS = {"ADMIN_SECRET_KEY": secrets.token_hex(32), "SECRET_KEY": secrets.token_urlsafe(32)}

os.environ.update(SECRETS)

from domain.accounts import administrators, passwords  # noqa: E402
from domain.clock import StepDetector  # noqa: E402
from domain.db import Base, db, reading  # noqa: E402
from domain.maintenance import clock_steps  # noqa: E402
from domain.orders.models import Stage  # noqa: E402
from domain.secrets.redaction import redactor  # noqa: E402
from providers.dummy import adapter  # noqa: E402
from web import create_app  # noqa: E402
from web.auth.rate_limits import limiter  # noqa: E402

#: A hash of a password is meant to take long, but not several hundred times.
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
#: DUMMY makes the same work of the same poem, and a film takes seconds: in one run of the tests it is made once.
MADE_ONCE = {stage_type: (cache(make), content_type) for stage_type, (make, content_type) in adapter.MAKERS.items()}


def production_settings(**values: object) -> Settings:
    """Settings as a production machine has them, with DUMMY on; ``values`` replace single ones."""
    return Settings(**{"dummy_provider": True, "time_zone": "UTC", **values})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """One PostgreSQL server for the session."""
    with LocalPostgres(tmp_path_factory.mktemp("postgres"), port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalS3]:
    """One store that speaks S3 for the session."""
    with LocalS3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def apps(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Flask]]:
    """The application on a migrated database of the kind that is asked for: each is made once and kept."""
    made: dict[str, Flask] = {}

    def app_on(kind: str) -> Flask:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            sqlite = f"sqlite:///{folder / 'quatrain.db'}"
            url = sqlite if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
            made[kind] = create_app(production_settings(database_url=url, var_dir=folder))
            made[kind].config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
            made[kind].extensions["celery"].conf.broker_url = FORGOTTEN_BROKER
            with made[kind].app_context():
                upgrade()
        # The latest application made is Celery's default one, also for those that were made before.
        made[kind].extensions["celery"].set_default()
        return made[kind]

    yield app_on
    for app in made.values():
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(params=BOTH_DATABASES)
def migrated_app(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Flask:
    """The application on a migrated database, once on each kind; ``app`` empties it first."""
    return apps(request.param)


@pytest.fixture
def app(migrated_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application with an empty database and a media folder of its own."""
    monkeypatch.setattr(adapter, "MAKERS", MADE_ONCE)
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
    limiter.reset()
    # Nor what was typed as a key there.
    redactor.know_environment([])
    # What another test has done to the clock is nothing that this process has seen.
    monkeypatch.setattr(clock_steps, "_detector", StepDetector())
    before = migrated_app.config["SETTINGS"]
    migrated_app.config["SETTINGS"] = before.model_copy(update={"media_dir": tmp_path / "media"})
    with migrated_app.app_context():
        _empty_tables()
    yield migrated_app
    migrated_app.config["SETTINGS"] = before


@pytest.fixture
def change_settings(app: Flask) -> Callable[..., None]:
    """Change settings for one test: ``change_settings(dummy_provider=False)``."""

    def change(**values: object) -> None:
        app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update=values)

    return change


@pytest.fixture(scope="session")
def emulator_server() -> Iterator[EmulatorServer]:
    """The port of this process behind which each test opens emulated providers of its own."""
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def emulator(emulator_server: EmulatorServer, change_settings: Callable[..., None]) -> Iterator[Emulator]:
    """The emulated providers, and an application that is pointed at them."""
    with Emulator(emulator_server) as running:
        change_settings(**{f"{kind.lower()}_base_url": running.base_url(kind) for kind in running.rooms})
        yield running


@pytest.fixture
def disk(change_settings: Callable[..., None], tmp_path: Path) -> Disk:
    """The disk of the works."""
    return Disk(change_settings, tmp_path)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not signed in."""
    return app.test_client()


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | str, ...]]:
    """The messages that would have been sent, in order; the broker stays out of it.

    A worker may hear a message at once, so what it is about has to be committed by then: each test sees to that.
    """
    sent: list[tuple[int | str, ...]] = []

    def note(task: str, *arguments: int | str) -> bool:
        assert all(_is_committed(each) for each in arguments if isinstance(each, int)), f"{task} is sent too early"
        sent.append((task, *arguments))
        return True

    monkeypatch.setattr("tasks.messages._send", note)
    return sent


@pytest.fixture
def administrator(app: Flask) -> str:
    """The name of an administrator whose password is ``ADMIN_PASSWORD``."""
    with app.app_context():
        db.session.add(administrators.Administrator(username="admin", password_hash=QUICK_HASHER.hash(ADMIN_PASSWORD)))
        db.session.commit()
    return "admin"


def _is_committed(stage_id: int) -> bool:
    """Whether somebody else can see the stage."""
    with reading(), db.engine.connect() as connection:
        return connection.scalar(select(Stage.id).where(Stage.id == stage_id)) is not None


def _empty_tables() -> None:
    tables = list(reversed(Base.metadata.sorted_tables))
    for table in tables:
        db.session.execute(delete(table))
    if db.engine.dialect.name == "postgresql":
        # Not TRUNCATE, which takes ten times as long for tables of a few rows.
        for table in tables:
            if "id" in table.columns:
                db.session.execute(text(f"SELECT setval('{table.name}_id_seq', 1, false)"))
    db.session.commit()
