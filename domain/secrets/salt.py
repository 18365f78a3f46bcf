"""The salt of this installation, for an ``ADMIN_SECRET_KEY`` that is a passphrase. Random, stored once, not secret.

It lies beside what it serves to seal, so that a copy of the database is complete: with the same secret it opens
anywhere.
"""

import os

from sqlalchemy import LargeBinary, Select, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, db, insert_into, reading

SALT_BYTES = 16
NAME = "vault"


class Salt(Base):
    """One row."""

    __tablename__ = "salts"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)


_SALTS = Base.metadata.tables["salts"]
# A column of a table does not say what it holds.
_SALT: Select[bytes] = select(_SALTS.c.salt).where(_SALTS.c.name == NAME)


class StoredSalt:
    """The salt of the database: to open, it is read once in a process; to seal, it is read each time."""

    def __init__(self) -> None:
        self._known: bytes | None = None

    def read(self) -> bytes | None:
        """The salt that is committed; over a connection of its own, as a caller may be between two transactions."""
        if self._known is None:
            with reading(), db.engine.connect() as connection:
                self._known = connection.scalar(_SALT)
        return self._known

    def make(self) -> bytes:
        """The salt; where there is none, a new one becomes part of the caller's transaction, which the caller commits.

        So what is sealed with it is kept, or lost, together with it. Of two processes that do this at once the second
        waits, and takes the salt of the first.
        """
        stored = db.session.scalar(_SALT)
        if stored is not None:
            return stored
        drawn = insert_into(_SALTS, db.engine.dialect.name).values(name=NAME, salt=os.urandom(SALT_BYTES))
        db.session.execute(drawn.on_conflict_do_nothing())
        return db.session.scalars(_SALT).one()
