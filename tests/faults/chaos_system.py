"""The whole system with two workers and two beats, and what can be done to it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Self

import redis
import requests
from celery import Celery
from sqlalchemy import NullPool, Update, create_engine, select, text, update

from domain.db import prepare_sqlite, utc_now
from domain.orders.models import Stage
from domain.provider_configs.models import ProviderConfig
from launch.child_process import end_group
from providers.kinds import ProviderKind, StageType
from tasks.messages import GENERATION_TASKS
from tests.emulated_sections import KINDS
from tests.emulator.server import Emulator
from tests.emulator.state import Key
from tests.faults.provider_faults import PROVIDER_FAULTS
from tests.local_services import LocalPostgres
from tests.reserved_port import ReservedPort
from tests.running_system import READY_WITHIN_SECONDS, RunningSystem, wait_until

PUBLISHER_OPTIONS = {"ack_emulation": False, "socket_timeout": 1, "socket_connect_timeout": 1}
#: Not a fault but the end of one.
KEY_REPAIRED = "key_repaired"
#: Long past, whatever the clock of the system says.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MAX_AHEAD_SECONDS = 300
CLOCK = Path(__file__).parent / "settable_clock"
WORKERS, BEATS = ("worker", "worker-2"), ("beat", "beat-2")


class ChaosSystem(RunningSystem):
    """Faults strike it by name: ``strike("worker_killed")``. What a fault ends is started again, as a supervisor does.

    To be used by one thread, the one that started it: what it starts ends with that thread.
    """

    def __init__(self, folder: Path, database_url: str, emulator: Emulator, random: Random) -> None:
        urls = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
        # Everything at the pace of production: what a fault costs is measured.
        pace = {"SWEEP_INTERVAL_SECONDS": "2", "POLL_INTERVAL_SECONDS": "3", "REFRESH_INTERVAL_SECONDS": "60"}
        self._clock_file = folder / "clock"
        self._ahead = 0.0
        self._set_clock(0)
        clock = {"CLOCK_FILE": str(self._clock_file), "PYTHONPATH": str(CLOCK)}
        with ReservedPort() as port:
            own = {"PORT": port.number, "PUBLIC_URL": f"http://127.0.0.1:{port.number}", "WORKER_THREADS": 16}
            env = {**urls, **pace, **clock, **{name: str(value) for name, value in own.items()}}
            super().__init__(folder, database_url, env)
            self.hold_web_socket()
        self._commands |= {
            "worker-2": f"{self._commands['worker']} --hostname second@%h",
            "beat-2": self._commands["beat"],
        }
        self.emulator, self.random = emulator, random
        self.database: LocalPostgres | None = None
        self.engine = create_engine(database_url, poolclass=NullPool)
        prepare_sqlite(self.engine)
        self.redis_is_frozen = False
        self.when_a_key_is_repaired: Callable[[StageType], None] = lambda _: None
        self._later: list[tuple[float, Callable[[], object]]] = []

    def start(self) -> Self:
        """Start all of it, with a working key in each section."""
        super().start()
        for name in ("worker-2", "beat-2"):
            self.start_process(name)
        self._admin = self.browser()
        for stage_type, kind in KINDS.items():
            self.emulator.rooms[kind].add_key("first", _secret(kind, 1))
            self._admin.save_section(stage_type, kind, api_key=_secret(kind, 1))
        for stage_type in StageType:
            wait_until(partial(self.is_ready_for, stage_type), f"{stage_type} is ready", READY_WITHIN_SECONDS)
        return self

    def strike(self, fault: str) -> None:
        """Let one fault of ``schedule.FAULTS`` happen now."""
        if fault in PROVIDER_FAULTS:
            PROVIDER_FAULTS[fault](self.emulator, self.random)
        else:
            getattr(self, f"_{fault}")()

    def repair(self, *, all_of_it: bool = False) -> None:
        """Start again what it is time for."""
        due = [action for at, action in self._later if all_of_it or at <= time.monotonic()]
        self._later = [each for each in self._later if each[1] not in due]
        for action in due:
            action()

    @property
    def is_under_repair(self) -> bool:
        """Whether something has ended that is not yet started again."""
        return bool(self._later)

    def is_ready_for(self, stage_type: StageType) -> bool:
        """Whether an order of this work would run now."""
        with contextlib.suppress(requests.RequestException, ValueError, KeyError):
            return bool(self.api().stage(stage_type)["ready"])
        return False

    def now(self) -> datetime:
        """The time by the clock of the system."""
        return utc_now() + timedelta(seconds=self._ahead)

    def pass_time(self, *states: str) -> None:
        """Bring forward what is planned for later: a song takes minutes, a pause up to an hour, and a run does not."""
        # Whoever locks a row is not waited for: that could lock the system out, or in.
        idle = select(Stage.id).where(Stage.lease_until.is_(None), Stage.state.in_(states))
        idle = idle.with_for_update(skip_locked=True)
        self._execute(update(Stage).where(Stage.id.in_(idle)).values(due_at=LONG_AGO))

    def let_sections_heal(self) -> None:
        """Bring forward the next check of sections that do not work."""
        self._execute(
            update(ProviderConfig).where(ProviderConfig.next_check_at.is_not(None)).values(next_check_at=LONG_AGO)
        )

    def _execute(self, statement: Update) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def stop(self) -> None:
        """End everything."""
        self.repair(all_of_it=True)
        self.engine.dispose()
        super().stop()

    # Processes

    def _in(self, seconds: tuple[float, float], action: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + self.random.uniform(*seconds), action))

    def _end(self, name: str, signum: int, away: tuple[float, float] = (0.3, 2.0)) -> None:
        if name in self._processes:
            end_group(self._processes.pop(name), signum, patience_seconds=30)
            self._in(away, lambda: self.start_process(name))

    def _worker_killed(self) -> None:
        self._end(self.random.choice(WORKERS), signal.SIGKILL)

    def _worker_deployed(self) -> None:
        name = self.random.choice(WORKERS)
        if name in self._processes:
            self.replace(name)

    def _worker_frozen(self) -> None:
        self._freeze(self.random.choice(WORKERS), (2, 6))

    def _worker_frozen_for_longer_than_a_lease(self) -> None:
        self._freeze(self.random.choice(WORKERS), (22, 26))

    def _freeze(self, name: str, seconds: tuple[float, float]) -> None:
        if name not in self._processes:
            return
        pid = self._processes[name].pid

        def thaw() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        # On SQLite whoever is frozen in the middle of a write holds up everybody else (docs/operating.md): not now.
        with self.engine.begin():
            os.kill(pid, signal.SIGSTOP)
        self._in(seconds, thaw)

    def _beat_killed(self) -> None:
        self._end(self.random.choice(BEATS), signal.SIGKILL)

    def _beats_gone(self) -> None:
        for name in BEATS:
            self._end(name, signal.SIGKILL, (18, 22))

    def _web_killed(self) -> None:
        self._end("web", signal.SIGKILL)

    def _web_deployed(self) -> None:
        if "web" in self._processes:
            self.restart("web")

    # Redis, database, messages

    def _redis_killed(self) -> None:
        self.redis.kill()
        self._in((0.1, 3), self.redis.start)

    def _redis_emptied(self) -> None:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def _redis_frozen(self) -> None:
        with contextlib.suppress(Exception):
            os.kill(self.redis.pid, signal.SIGSTOP)
            self.redis_is_frozen = True
            self._in((1, 4), self._thaw_redis)

    def _thaw_redis(self) -> None:
        self.redis_is_frozen = False
        with contextlib.suppress(Exception):  # it was killed, or frozen twice
            os.kill(self.redis.pid, signal.SIGCONT)

    def _database_restarted(self) -> None:
        if self.database is not None:
            self.database.restart(crash=True)

    def _messages_doubled(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT id, stage_type FROM stages ORDER BY id DESC LIMIT 40")).all()
        app = Celery(broker=self.redis.url, set_as_current=False)
        app.conf.update(broker_transport_options=PUBLISHER_OPTIONS, task_publish_retry=False)
        with contextlib.suppress(Exception):
            for stage_id, stage_type in self.random.sample(rows, min(len(rows), 15)):
                for _ in range(3):
                    app.send_task(GENERATION_TASKS[StageType(stage_type)], args=[stage_id], queue="generation")
        app.pool.force_close_all()
        app.close()

    # The clock

    def _clock_set(self) -> None:
        self._set_clock(self.random.choice([-1, 1]) * self.random.uniform(30, MAX_AHEAD_SECONDS))

    def _set_clock(self, ahead_seconds: float) -> None:
        """Set the clock of all processes: ``settable_clock`` looks at the file."""
        self._ahead = ahead_seconds
        new = self._clock_file.with_suffix(".new")
        new.write_text(str(ahead_seconds))
        new.rename(self._clock_file)

    # Keys

    def _poem_key_refused(self) -> None:
        self._key_refused(StageType.POEM)

    def _key_refused(self, stage_type: StageType | None = None) -> None:
        """For a while the provider refuses the key in use; then somebody saves another one."""
        stage_type = stage_type or self.random.choice(list(StageType))
        room = self.emulator.rooms[KINDS[stage_type]]
        if room.keys:
            refused = list(room.keys.values())
            for key in refused:
                room.remove_key(key.secret)
            self._in((4, 8), lambda: self._repair_key(stage_type, refused))

    def _repair_key(self, stage_type: StageType, refused: list[Key]) -> None:
        kind = KINDS[stage_type]
        room = self.emulator.rooms[kind]
        room.keys |= {key.secret: key for key in refused}  # jobs are asked about with the key that ordered them
        new = room.add_key(f"key {len(room.keys) + 1}", _secret(kind, len(room.keys) + 1))
        if refused:
            self.when_a_key_is_repaired(stage_type)
        try:
            answer = self._admin.save_section(stage_type, kind, api_key=new.secret)
        except (requests.RequestException, AssertionError):  # the page has just been struck itself
            answer = None
        if answer is None or answer.status_code != 303:
            self._in((0.5, 1), lambda: self._repair_key(stage_type, []))


def _secret(kind: ProviderKind, number: int) -> str:
    return f"fake-{kind.lower().replace('_', '-')}-{number:010}"
