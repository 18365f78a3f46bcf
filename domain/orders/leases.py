"""Leases: how long others keep away from a stage that somebody works on, renewed for as long as the work lasts.

A worker that is killed renews nothing, so its stages are free again after ``LEASE``, however long a call may take.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast

import structlog
from flask import Flask, current_app
from sqlalchemy import tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from domain.db import db, utc_now
from domain.orders.models import Stage

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=20)
#: Three renewals may fail before a lease runs out.
RENEW_SECONDS = 5.0
_EXTENSION = "leases"


@dataclass(slots=True)
class Lease:
    """What a worker knows of its hold on one stage. ``renewed_at`` is in seconds of the monotonic clock."""

    stage_id: int
    claim: int
    renewed_at: float

    def is_fresh(self) -> bool:
        """Whether nobody else can have taken the stage yet.

        Asked before a call that costs money: a process that was frozen meanwhile must not send what another worker,
        or a person, has decided about since.
        """
        return time.monotonic() - self.renewed_at < LEASE.total_seconds() / 2


@contextmanager
def renewed(*stages: tuple[int, int], asked_at: float) -> Iterator[list[Lease]]:
    """Renew the leases of ``stages``, pairs of id and claim, until the block is left; yields one lease for each.

    ``asked_at`` is the time of the monotonic clock from before they were taken: whoever had to wait for the database
    first has had its lease for as long. A lease that another worker or the sweep has ended stays ended.
    """
    leases = [Lease(stage_id, claim, asked_at) for stage_id, claim in stages]
    if not leases:
        yield leases
        return
    keeper = _keeper()
    keeper.add(leases)
    try:
        yield leases
    finally:
        keeper.remove(leases)


@contextmanager
def renewing(renewal: Callable[[], None]) -> Iterator[None]:
    """Call ``renewal`` as often as leases are renewed, in their thread, until the block is left; it commits itself."""
    keeper = _keeper()
    keeper.add_renewal(renewal)
    try:
        yield
    finally:
        keeper.remove_renewal(renewal)


def _keeper() -> "_Keeper":
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # the thread needs the application itself
    return cast(_Keeper, app.extensions.setdefault(_EXTENSION, _Keeper(app)))  # pragma: no mutate  # any name will do


class _Keeper:
    """One thread for all leases of this process; it ends when there are none."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._changed = threading.Condition()
        self._leases: dict[int, Lease] = {}
        self._renewals: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None

    def add(self, leases: list[Lease]) -> None:
        with self._changed:
            self._leases |= {id(lease): lease for lease in leases}
            self._begin()

    def remove(self, leases: list[Lease]) -> None:
        with self._changed:
            for lease in leases:
                del self._leases[id(lease)]
            self._changed.notify()

    def add_renewal(self, renewal: Callable[[], None]) -> None:
        with self._changed:
            self._renewals.append(renewal)
            self._begin()

    def remove_renewal(self, renewal: Callable[[], None]) -> None:
        with self._changed:
            self._renewals.remove(renewal)
            self._changed.notify()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew_until_none_is_left, name="leases", daemon=True)
            self._thread.start()

    def _renew_until_none_is_left(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not (self._leases or self._renewals), timeout=RENEW_SECONDS)
                held, renewals = list(self._leases.values()), list(self._renewals)
                if not held and not renewals:
                    self._thread = None
                    return
            with self._app.app_context():
                _survive(partial(renew, held))
                for renewal in renewals:
                    _survive(renewal)


def renew(leases: list[Lease]) -> None:
    """Make ``leases`` last for another ``LEASE`` from now, where they are still in force; commits."""
    if not leases:
        return
    asked_at = time.monotonic()
    pairs = [(lease.stage_id, lease.claim) for lease in leases]
    kept = db.session.execute(
        update(Stage)
        .where(tuple_(Stage.id, Stage.claim).in_(pairs), Stage.lease_until.is_not(None))
        .values(lease_until=utc_now() + LEASE)
        .returning(Stage.id, Stage.claim)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    still_ours = {(stage_id, claim) for stage_id, claim in kept}
    for lease in leases:
        if (lease.stage_id, lease.claim) in still_ours:
            lease.renewed_at = asked_at


def _survive(renewal: Callable[[], None]) -> None:
    try:
        renewal()
    except SQLAlchemyError as error:
        # The database is away for everybody, so nobody takes the stages either; the next round tries again.
        db.session.rollback()
        log.warning("leases not renewed", error=type(error).__name__)
