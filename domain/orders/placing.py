"""Placing an order: once it is committed it is accepted, whatever happens to messages."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ForeignKey, Text, UniqueConstraint, delete, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from domain.accounts import api_tokens
from domain.db import Base, UtcDateTime, db, has_no_room, utc_now
from domain.orders import works
from domain.orders.models import Order, Ready, Stage, StageState
from providers.base import Brief
from providers.kinds import StageType
from settings import current_settings

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEEPS = timedelta(hours=24)
MAX_IDEMPOTENCY_KEY_LENGTH = 255
#: Before the keys of forms. No program's key has a tab in it, so the two never meet, whoever is called what.
FORM = "form\t"
#: Before the hash of a program's key whose order was erased: the key itself may be made of a name.
HASHED = "sha256\t"


class IdempotencyKey(Base):
    """Which order the key of a program or of a form stands for, and a hash of what was asked for."""

    __tablename__ = "idempotency_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    placed_by: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    request_hash: Mapped[str] = mapped_column(Text)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)

    __table_args__ = (UniqueConstraint("placed_by", "key"),)


class KeyUsedForAnother(Exception):
    """The idempotency key stands for an order that asked for something else."""


class OrderedBefore(Exception):
    """Another form has ordered the very same in these 24 hours: ``order``."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.id)
        self.order = order


class QuotaUsedUp(Exception):
    """The token has placed all the orders that it may place today. It may again at ``ends_at``."""

    def __init__(self, ends_at: datetime) -> None:
        super().__init__(f"until {ends_at.isoformat()}")
        self.ends_at = ends_at


class StorageFull(Exception):
    """There is no room for another order: nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a customer asks for, already checked: at least one stage, and a poem where POEM is not asked for."""

    brief: Brief
    stages: frozenset[StageType]
    poem: str | None
    placed_by: str
    #: The token that places it, whose quota it counts against; None from the pages.
    api_token_id: int | None = None


def add(new: NewOrder) -> Order:
    """Write the order and its stages into the caller's transaction; the caller commits.

    POEM starts first; the others start with it only where the customer brought a poem of their own.
    """
    order = Order(
        recipient=new.brief.recipient,
        occasion=new.brief.occasion,
        details=new.brief.details,
        tone=new.brief.tone,
        language=new.brief.language,
        poem=new.poem,
        placed_by=new.placed_by,
        api_token_id=new.api_token_id,
    )
    now = utc_now()
    for stage_type in StageType:
        if stage_type in new.stages:
            can_start = stage_type is StageType.POEM or StageType.POEM not in new.stages
            state = StageState.QUEUED if can_start else StageState.BLOCKED
            stage = Stage(stage_type=stage_type, state=state, due_at=now, published_at=now if can_start else None)
            order.stages.append(stage)
    db.session.add(order)
    db.session.flush()
    return order


def place(new: NewOrder) -> Order:
    """Write the order and commit. Raises ``QuotaUsedUp`` and ``StorageFull``."""
    with _refused_without(works.has_room()):
        _count(new)
        order = add(new)
        db.session.commit()
    return order


def place_once(new: NewOrder, key: str) -> Order:
    """Write the order and commit; the same ``key`` and request give the same order for 24 hours.

    Two at the same moment give one order as well: the key is unique in the table. Raises ``KeyUsedForAnother``, and
    ``QuotaUsedUp`` and ``StorageFull`` for an order that is not there yet.
    """
    return _place_once(new, key)[0]


def place_form(new: NewOrder, form_key: str, *, again: bool = False) -> tuple[Order, bool]:
    """Write the order of a form that was shown once, and commit; returns it, and whether it was placed just now.

    The same ``form_key`` and request give the same order for 24 hours, as with ``place_once``; with other words the
    form orders something else. Raises ``OrderedBefore`` where the same person has ordered the same with another form,
    unless it is meant ``again``; and ``StorageFull``.
    """
    request = _request_hash(new)
    key = FORM + hashlib.sha256(json.dumps([form_key, request]).encode()).hexdigest()
    if not again:
        twin = _order_of_another_form(new.placed_by, key, request)
        if twin is not None:
            db.session.rollback()
            raise OrderedBefore(twin)
    return _place_once(new, key)


def _place_once(new: NewOrder, key: str) -> tuple[Order, bool]:
    """The order of ``key``, and whether it was placed just now."""
    has_room = works.has_room()
    known = _order_of_key(new, key)
    if known is not None:
        db.session.rollback()
        return known, False
    try:
        with _refused_without(has_room):
            _count(new)
            order = add(new)
            db.session.add(
                IdempotencyKey(placed_by=new.placed_by, key=key, request_hash=_request_hash(new), order_id=order.id)
            )
            db.session.commit()
    except (IntegrityError, QuotaUsedUp):
        # Of a quota too: while we waited to be counted, a repeat of our own may have used up the rest of it.
        db.session.rollback()
        winner = _order_of_key(new, key)
        if winner is None:
            raise
        return winner, False
    return order, True


def forget_old_keys(now: datetime) -> None:
    """Delete the idempotency keys that no longer count, in the caller's transaction."""
    db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - IDEMPOTENCY_KEEPS))


def hide_keys(order_id: int) -> None:
    """Keep only hashes of the keys that stand for ``order_id``, in the caller's transaction. Safe twice.

    As long as they count they go on standing for it: an order that was erased is not ordered again by who repeats
    the request for it.
    """
    for row in db.session.scalars(select(IdempotencyKey).where(IdempotencyKey.order_id == order_id)):
        if row.request_hash.startswith(HASHED):
            continue
        if not row.key.startswith(FORM):
            row.key = _keyed(row.key)
        row.request_hash = _keyed(row.request_hash)


def ready_stages(order: Order) -> list[Ready]:
    """The stages of ``order`` that can start."""
    return [Ready(stage.id, stage.stage_type) for stage in order.stages if stage.state is StageState.QUEUED]


def _count(new: NewOrder) -> None:
    now = utc_now()
    if new.api_token_id is not None and not api_tokens.count_order(new.api_token_id, now):
        db.session.rollback()
        raise QuotaUsedUp(api_tokens.next_day(now))


@contextmanager
def _refused_without(room: bool) -> Iterator[None]:
    """Store a new order in here. ``room`` tells of the disk of works; that of the database tells of itself."""
    if not room:
        log.warning("no room for works, order refused")
        db.session.rollback()
        raise StorageFull
    try:
        yield
    except OperationalError as error:
        db.session.rollback()
        if has_no_room(error):
            log.warning("no room in the database, order refused")
            raise StorageFull from error
        raise


def _order_of_key(new: NewOrder, key: str) -> Order | None:
    spellings = (key, _keyed(key))
    row = db.session.scalar(
        select(IdempotencyKey).where(IdempotencyKey.placed_by == new.placed_by, IdempotencyKey.key.in_(spellings))
    )
    if row is None:
        return None
    if row.created_at < utc_now() - IDEMPOTENCY_KEEPS:
        db.session.delete(row)
        db.session.flush()
        return None
    request_hash = _request_hash(new)
    if row.request_hash not in (request_hash, _keyed(request_hash)):
        db.session.rollback()
        raise KeyUsedForAnother
    return db.session.get(Order, row.order_id)


def _order_of_another_form(placed_by: str, key: str, request_hash: str) -> Order | None:
    """The newest order of the same words and works, unless ``key`` stands for an order itself.

    None, too, where that order was erased: nothing of it is left to be shown instead.
    """
    asked_before = select(IdempotencyKey).where(
        IdempotencyKey.placed_by == placed_by,
        IdempotencyKey.key.startswith(FORM),
        IdempotencyKey.request_hash == request_hash,
        IdempotencyKey.created_at >= utc_now() - IDEMPOTENCY_KEEPS,
    )
    rows = list(db.session.scalars(asked_before.order_by(IdempotencyKey.id.desc())))
    if not rows or any(row.key == key for row in rows):
        return None
    twin = db.session.get(Order, rows[0].order_id)
    return None if twin is None or twin.is_erased else twin


def _keyed(text: str) -> str:
    """What nobody can search for who has the database alone: the words of a brief are few."""
    secret = current_settings().admin_secret_key.get_secret_value()
    return HASHED + hmac.new(b"erased " + secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _request_hash(new: NewOrder) -> str:
    request = {"brief": asdict(new.brief), "stages": sorted(new.stages), "poem": new.poem}
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
