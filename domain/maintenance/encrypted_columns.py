"""Every sealed key that the database holds: the one list of sealed columns, and where the key of each belongs.

A test compares it with the tables, so that no key is left behind when the secret is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from domain.db import db
from domain.generation.calls import snapshot_place
from domain.orders.models import Attempt, Stage
from domain.provider_configs.models import ProviderConfig, live_place
from domain.secrets.vault import KeyContext, Unreadable, Vault, Why, key_id_of
from providers.kinds import ProviderKind, StageType


class Role(StrEnum):
    """What a sealed key is kept for."""

    LIVE = "live"
    CANDIDATE = "candidate"
    PREVIOUS = "previous"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of tokens, the column that names the provider of each, and the place that it is sealed for."""

    role: Role
    token: InstrumentedAttribute[str | None]
    provider_kind: InstrumentedAttribute[ProviderKind] | InstrumentedAttribute[ProviderKind | None]
    place_of: Callable[[StageType, ProviderKind], KeyContext]


SECTION_COLUMNS = (
    SealedColumn(Role.LIVE, ProviderConfig.api_key_encrypted, ProviderConfig.provider_kind, live_place),
    SealedColumn(
        Role.CANDIDATE, ProviderConfig.candidate_api_key_encrypted, ProviderConfig.candidate_provider_kind, live_place
    ),
    SealedColumn(
        Role.PREVIOUS, ProviderConfig.previous_api_key_encrypted, ProviderConfig.previous_provider_kind, live_place
    ),
)
JOB_COLUMN = SealedColumn(Role.JOB, Attempt.api_key_encrypted, Attempt.provider_kind, snapshot_place)
COLUMNS = (*SECTION_COLUMNS, JOB_COLUMN)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """One place for a key in one row. ``order_id`` is that of a job, None for the key of a section."""

    column: SealedColumn
    row: ProviderConfig | Attempt
    stage_type: StageType
    order_id: int | None = None

    @property
    def token(self) -> str | None:
        """What is stored there; None where no key is."""
        stored: str | None = getattr(self.row, self.column.token.key)
        return stored

    @property
    def key_id(self) -> str | None:
        """Id of the key that it was sealed with; None where it is no token, or none is stored."""
        return key_id_of(self.token) if self.token is not None else None

    def open(self, vault: Vault) -> str:
        """The key in clear. Raises ``domain.secrets.vault.Unreadable``."""
        return vault.open(self.token or "", self._place())  # pragma: no mutate  # any other text is no token either

    def re_encrypt(self, vault: Vault) -> None:
        """Store the same key as ``vault`` seals it now, and read it back; the caller commits.

        Nothing else of the row changes, its version least of all: whoever works with the row at the moment goes on.
        Raises ``domain.secrets.vault.Unreadable``, and ``RuntimeError`` if the database does not hold what was sealed.
        """
        text, name = self.open(vault), self.column.token.key
        setattr(self.row, name, vault.seal(text, self._place()))
        db.session.flush()
        db.session.refresh(self.row)
        if self.open(vault) != text:
            raise RuntimeError(f"the {self.column.role} key of {self.stage_type} does not read back as it was sealed")

    def _place(self) -> KeyContext:
        kind = getattr(self.row, self.column.provider_kind.key)
        if kind is None:
            raise Unreadable(Why.DOES_NOT_OPEN)
        return self.column.place_of(self.stage_type, kind)


def stored_keys(*, lock: bool = False) -> list[SealedKey]:
    """Every place of a section, empty ones too, and every job that keeps a key; ``lock`` holds the rows.

    Jobs first, as whoever ends a job and doubts its section holds them in this order.
    """
    jobs = (
        select(Attempt, Stage.stage_type, Stage.order_id)
        .join(Stage)
        .where(Attempt.api_key_encrypted.is_not(None))
        .order_by(Attempt.id)  # pragma: no mutate  # the order of locks, of which SQLite has none
    )
    sections = select(ProviderConfig).order_by(ProviderConfig.id)  # pragma: no mutate  # the order of locks
    if lock:
        jobs, sections = jobs.with_for_update(of=Attempt), sections.with_for_update()
    fresh = {"populate_existing": True}
    found = [SealedKey(JOB_COLUMN, *each) for each in db.session.execute(jobs, execution_options=fresh)]
    rows = db.session.scalars(sections, execution_options=fresh)
    return [SealedKey(column, row, row.stage_type) for row in rows for column in SECTION_COLUMNS] + found
