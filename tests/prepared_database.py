"""A database as ``flask prepare`` leaves it, without the start of the process that the command takes."""

import tempfile
from functools import cache
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate, upgrade
from sqlalchemy import Engine, NullPool, create_engine, make_url, select
from sqlalchemy.orm import Session

from domain.accounts.administrators import Administrator
from domain.accounts.passwords import hash_password
from domain.db import Base, db, prepare_sqlite

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def prepare(url: str, username: str, password: str) -> None:
    """Migrate the database at ``url``, and create the administrator unless there is one; safe to run again."""
    file = Path(make_url(url).database or "") if url.startswith("sqlite") else None
    if file is not None and not file.exists():
        file.write_bytes(_migrated_sqlite())
    else:
        _migrate(url)
    with Session(_engine(url)) as session:
        if session.scalar(select(Administrator.id).limit(1)) is None:
            session.add(Administrator(username=username, password_hash=_hash_of(password)))
            session.commit()


def add_row(url: str, row: Base) -> None:
    """Store a row behind the product's back."""
    with Session(_engine(url)) as session:
        session.add(row)
        session.commit()


def _engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=NullPool)
    prepare_sqlite(engine)
    return engine


def _migrate(url: str) -> None:
    """By an application that has nothing but the database: ours would become Celery's default one."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        prepare_sqlite(db.engine)
        upgrade()
        db.engine.dispose()


@cache
def _migrated_sqlite() -> bytes:
    """Migrated once in this process, copied ever after."""
    with tempfile.TemporaryDirectory(prefix="quatrain-migrated-") as folder:
        path = Path(folder) / "quatrain.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


@cache
def _hash_of(password: str) -> str:
    """A hash is meant to take long: one for each password."""
    return hash_password(password)
