"""Changing ``ADMIN_SECRET_KEY``: what is sealed with which key, sealing all of it anew, and whether it can be read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select

from domain.db import db, reading
from domain.maintenance.encrypted_columns import Role, SealedKey, stored_keys
from domain.provider_configs import history
from domain.provider_configs.history import HistoryEntry
from domain.secrets.context import current_vault
from domain.secrets.vault import Unreadable, Vault, Why
from providers.kinds import StageType

ROTATED, ROTATION_REFUSED = "keys_rotated", "key_rotation_refused"


class Outcome(StrEnum):
    """What a rotation did with one place for a key."""

    RE_ENCRYPTED = "re_encrypted"
    #: It is sealed with the present key already.
    SKIPPED = "skipped"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Found:
    """One place for a key, as it was found: never the key, nor its token.

    ``why`` is why it cannot be read, None where it can; ``key_id`` names the key that it was sealed with.
    """

    stage_type: StageType
    role: Role
    order_id: int | None
    key_id: str | None
    why: Why | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did, or would have done. ``is_kept`` is whether it was committed."""

    key_id: str
    places: tuple[tuple[Found, Outcome], ...]
    is_kept: bool

    @property
    def counters(self) -> dict[Outcome, int]:
        """How many places had each outcome."""
        counted = Counter(outcome for _, outcome in self.places)
        return {outcome: counted[outcome] for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many keys were sealed with one key of ours, or with one that we do not have.

    ``key_id`` is None for what is no token at all.
    """

    key_id: str | None
    seals: bool
    opens: bool
    counts: Mapping[Role, int]


def count_uses() -> list[KeyUse]:
    """Which keys are in use, the one that seals now first. Reads only."""
    vault = current_vault()
    present = vault.key_id
    counted = Counter((key.key_id, key.column.role) for key in stored_keys() if key.token is not None)
    others = {key_id for key_id, _ in counted} - {present}
    ids = [present, *sorted(others, key=lambda key_id: key_id or "")]
    return [
        KeyUse(
            key_id,
            seals=key_id == present,
            opens=key_id is not None and vault.holds(key_id),
            counts={role: counted[key_id, role] for role in Role},
        )
        for key_id in ids
    ]


def verify() -> list[Found]:
    """Every key that is stored, each tried whether it can be read. Reads only."""
    vault = current_vault()
    return [_found(key, _why_unreadable(key, vault)) for key in stored_keys() if key.token is not None]


def rotate(actor: str, *, dry_run: bool = False, skip_unreadable: bool = False) -> Rotation:
    """Seal every key anew with the present secret, all in one transaction; commits, or changes nothing.

    One that cannot be read keeps everything as it was, unless ``skip_unreadable``. Run again, it skips what is done.
    May run while others work: their rows are held for that moment, and no version goes up. Each run that is no
    ``dry_run`` leaves an entry in the history.
    """
    with reading():
        # What takes long, stretching passphrases, is done before anything is locked.
        count_uses()
        db.session.rollback()
    vault = current_vault()
    present = vault.key_id
    places = tuple(_seal_anew(key, vault, present) for key in stored_keys(lock=True))
    failed = any(outcome is Outcome.FAILED for _, outcome in places)
    rotation = Rotation(present, places, is_kept=not dry_run and (skip_unreadable or not failed))
    if not rotation.is_kept:
        db.session.rollback()
    if not dry_run:
        facts: dict[str, str | int | None] = {each.value: count for each, count in rotation.counters.items()}
        history.record(actor, ROTATED if rotation.is_kept else ROTATION_REFUSED, None, key_id=present, **facts)
        db.session.commit()
    return rotation


def latest_rotation() -> HistoryEntry | None:
    """What the history says of the latest rotation that was kept; None while there was none."""
    latest = select(func.max(HistoryEntry.id)).where(HistoryEntry.event == ROTATED)
    return db.session.scalar(select(HistoryEntry).where(HistoryEntry.id == latest.scalar_subquery()))


def _seal_anew(key: SealedKey, vault: Vault, present: str) -> tuple[Found, Outcome]:
    if key.token is None:
        return _found(key, None), Outcome.EMPTY
    found = _found(key, _why_unreadable(key, vault))
    if found.why is not None:
        return found, Outcome.FAILED
    if found.key_id == present:
        return found, Outcome.SKIPPED
    key.re_encrypt(vault)
    return found, Outcome.RE_ENCRYPTED


def _why_unreadable(key: SealedKey, vault: Vault) -> Why | None:
    try:
        key.open(vault)
    except Unreadable as unreadable:
        return unreadable.why
    return None


def _found(key: SealedKey, why: Why | None) -> Found:
    return Found(key.stage_type, key.column.role, key.order_id, key.key_id, why)
