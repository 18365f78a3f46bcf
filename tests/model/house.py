"""The house that the model works in: the real domain on a real database, with points in it where workers can stand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, delete, event, insert, select, text

from domain.clock import StepDetector
from domain.db import Base, db
from domain.maintenance import clock_steps
from domain.orders import leases
from domain.orders.leases import Lease
from domain.provider_configs import checks
from domain.provider_configs.models import ProviderConfig
from providers import registry
from providers.kinds import StageType
from tests.builders import save_section
from tests.emulated_sections import KINDS
from tests.model import adapters
from tests.model.baton import Point, Worker, current_worker
from tests.model.promises import Commit, Facts, after_each_commit, call_is_due
from tests.model.rows import NOTHING, Reader
from tests.model.world import Call, World
from tests.stopped_clock import StoppedClock, stopped_clock

KEYS = {stage_type: f"fake-key-{stage_type.lower()}-0123456789" for stage_type in StageType}
START = datetime(2030, 1, 1, tzinfo=UTC)


class InTurn:
    """In place of a pool of threads: one after the other, so that the one who has the baton is the only one at work."""

    def __init__(self, _threads: int) -> None: ...

    def __enter__(self) -> "InTurn":
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        return [function(item) for item in items]


class Keeper:
    """In place of the thread that renews leases: they are renewed as the model lets time pass, or not."""

    def add(self, leases: list[Lease]) -> None:
        worker = current_worker()
        if worker is not None:
            worker.leases += leases

    def remove(self, leases: list[Lease]) -> None:
        worker = current_worker()
        if worker is not None:
            worker.leases = [lease for lease in worker.leases if lease not in leases]

    def add_renewal(self, _renewal: Callable[[], None]) -> None:
        """A check's hold on its section is never renewed here: two at a time must do no harm either."""

    def remove_renewal(self, _renewal: Callable[[], None]) -> None: ...


class House:
    """One database, emptied for each run. ``broken`` holds what any commit of the run has broken."""

    def __init__(self, app: Flask, clock: StoppedClock) -> None:
        self.app, self._clock = app, clock
        self.latest = START
        self._settings = app.config["SETTINGS"]
        self.media = Path(self._settings.media_dir)
        self.broken: list[str] = []
        self.acting: Worker | str = "test"
        self.facts = Facts(World(), self.media)
        self.rows = NOTHING
        with app.app_context():
            self.engine = db.engine
            self.kind = db.engine.dialect.name
            self._sections = self._working_sections()
        self._reader = Reader(self.engine)

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.now

    def move_clock(self, by: timedelta) -> None:
        """Let time pass for everybody."""
        self._clock.shift(by)

    def set_clock(self, by: timedelta) -> None:
        """Somebody sets the clock: no time passes."""
        self.latest = max(self.latest, self.now)
        self._clock.set(by)

    def renew(self, worker: Worker) -> None:
        """What the thread of a living worker does every few seconds."""
        if worker.leases:
            self.acting = worker
            with self.app.app_context():
                leases.renew(list(worker.leases))

    def empty(self, *, reachable: bool, from_environment: frozenset[StageType]) -> World:
        """Begin a run: no orders, keys that work, and a world of its own."""
        self._clock.begin_anew(START)
        self.latest = START
        clock_steps._detector.note()
        self.acting, self.broken = "test", []
        self.facts = Facts(World(), self.media)
        adapters.Modelled.world = self.facts.world
        adapters.Modelled.before_paid_call = self.before_paid_call
        adapters.Modelled.answered = self.answered
        keys = {f"{KINDS[each].lower()}_api_key": _secret(self._settings, KEYS[each]) for each in from_environment}
        public_url = "https://gifts.example" if reachable else ""
        self.app.config["SETTINGS"] = self._settings.model_copy(update={"public_url": public_url, **keys})
        with self.engine.begin() as connection:
            _empty(connection)
            rows = [row for row in self._sections if row["stage_type"] not in from_environment]
            if rows:
                connection.execute(insert(ProviderConfig), rows)
        for file in self.media.glob("*"):
            file.unlink()
        self.rows = self._reader.read()
        return self.facts.world

    def fill_the_disk(self, *, full: bool) -> None:
        """No more files can be written, or they can again."""
        self.facts.full_since = (self.facts.full_since or self.now) if full else None
        media = self._settings.var_dir / "not-a-folder" / "media" if full else self.media
        self.app.config["SETTINGS"] = self.app.config["SETTINGS"].model_copy(update={"media_dir": media})

    def close(self) -> None:
        """Leave the database alone again."""
        self._reader.close()
        self.app.config["SETTINGS"] = self._settings

    def before_paid_call(self, call: Call) -> None:
        """A worker is about to make a call that may cost money: is that its business still?"""
        self.broken += call_is_due(call, self.rows, self.facts, self.now)

    def answered(self, call: Call) -> None:
        """A work has come, and is stored now or never."""
        if self.facts.full_since is not None and call.made.stage_type is StageType.VOICE:
            self.facts.unstored[call.made] += 1

    def before_begin(self, *_: object) -> None:
        """A transaction is about to begin: a session takes a connection for each. No two happen at the same time."""
        self.move_clock(timedelta(milliseconds=1))
        worker = current_worker()
        if worker is not None:
            worker.stand(Point.BEGIN)

    def commit(self, session: Any, really: Callable[[Any], None]) -> None:
        """A session commits: look at what came of it, and stand."""
        worker = current_worker()
        if worker is not None:
            worker.before_commit()
        really(session)
        before, self.rows = self.rows, self._reader.read()
        if before != self.rows:
            commit = Commit(before, self.rows, worker or self.acting, self.now, max(self.latest, self.now))
            self.broken += after_each_commit(commit, self.facts)
        if worker is not None:
            worker.stand(Point.COMMITTED)

    def _working_sections(self) -> list[dict[str, Any]]:
        adapters.Modelled.world = World()
        for stage_type, kind in KINDS.items():
            save_section(stage_type, kind, api_key=KEYS[stage_type])
            checks.check(stage_type)
        table = ProviderConfig.__table__
        rows = db.session.execute(select(table).order_by(table.c.id)).mappings()
        return [{name: value for name, value in row.items() if name != "id"} for row in rows]


@contextmanager
def opened(app: Flask) -> Iterator[House]:
    """The house on the database of ``app``: clock, providers and points are those of the model meanwhile."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        clock = stack.enter_context(stopped_clock(START))
        _bring_adapters(patch)
        patch.setattr(clock_steps, "_detector", StepDetector())
        patch.setattr(leases, "_keeper", Keeper)
        patch.setattr("domain.storage_retry.OUTAGE_SECONDS", 0)
        _silence(stack)
        house = House(app, clock)
        stack.callback(house.close)
        event.listen(house.engine, "checkout", house.before_begin)
        stack.callback(event.remove, house.engine, "checkout", house.before_begin)
        really = Session.commit
        patch.setattr(Session, "commit", lambda session: house.commit(session, really), raising=False)
        yield house


def _bring_adapters(patch: pytest.MonkeyPatch) -> None:
    for each in (*adapters.INSTANT, *adapters.JOBS):
        patch.setitem(registry.ADAPTERS, each.kind, each)
    for instant in adapters.INSTANT:
        patch.setitem(registry.INSTANT_ADAPTERS, instant.kind, instant)
    for jobs in adapters.JOBS:
        patch.setitem(registry.JOB_ADAPTERS, jobs.kind, jobs)
    patch.setattr("domain.generation.download.download", adapters.download)
    for module in ("poll", "download"):
        patch.setattr(f"domain.generation.{module}.ThreadPoolExecutor", InTurn)


def _silence(stack: ExitStack) -> None:
    """Thousands of runs write thousands of lines."""
    before = structlog.get_config()
    stack.callback(structlog.configure, **before)
    structlog.configure(**{**before, "wrapper_class": structlog.make_filtering_bound_logger("critical")})


def _secret(settings: Any, value: str) -> Any:
    return type(settings.admin_secret_key)(value)


def _empty(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in Base.metadata.sorted_tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return
    for table in reversed(Base.metadata.sorted_tables):
        connection.execute(delete(table))
