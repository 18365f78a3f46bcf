"""A run: orders come in, faults strike by a seeded schedule, then there is peace, and the judge looks."""

import os
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

import requests
from sqlalchemy import Engine, select

from domain.db import utc_now
from domain.orders import Stage, StageState
from providers.kinds import StageType
from tests.emulator.server import Emulator
from tests.faults.chaos_system import ChaosSystem
from tests.faults.judge import RESTING, Evidence, broken_promises, gather
from tests.http_session import Api
from tests.local_services import LocalPostgres

POEM, VOICE, SONG, CLIP = StageType
MENUS = [{POEM}, {POEM, VOICE}, {SONG}, {CLIP}, {POEM, SONG}, set(StageType)]
#: Each with its weight: what strikes processes more often than what lets a provider err.
FAULTS = {
    "worker_killed": 4,
    "worker_deployed": 2,
    "worker_frozen": 1,
    "worker_frozen_for_longer_than_a_lease": 1,
    "beat_killed": 1,
    "beats_gone": 1,
    "web_killed": 2,
    "web_deployed": 1,
    "redis_killed": 3,
    "redis_emptied": 3,
    "redis_frozen": 2,
    "database_restarted": 3,
    "messages_doubled": 2,
    "provider_says_429": 1,
    "provider_says_500": 1,
    "provider_says_503": 1,
    "provider_talks_garbage": 1,
    "provider_says_half": 1,
    "provider_hangs_up_after_taking_it": 2,
    "provider_is_slow": 2,
    "links_expire": 1,
}
#: What has to come after a fault, and from which states it is measured.
HITS = {
    "worker_killed": ("running", "fetching"),
    "redis_killed": ("queued",),
    "redis_emptied": ("queued",),
    "database_restarted": ("queued", "running", "fetching"),
    "beats_gone": ("queued",),
}
WATCH_SECONDS = 0.2
JOBS_SECONDS = 2.0
PEACE_SECONDS = 100.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the storm lasts, in seconds, and how much happens in it."""

    seed: int
    seconds: float
    orders: int
    faults: int


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that happened at ``at``, monotonic seconds, and the stages that it hit."""

    fault: str
    at: float
    hit: frozenset[int]


@dataclass
class Report:
    """What a run has shown."""

    plan: Plan
    evidence: Evidence
    strikes: list[Strike]
    recoveries: dict[str, list[float]]
    placing: list[float]
    charges: int
    seconds: float
    broken: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The figures, for people."""
        orders, stages = len(self.evidence.accepted), len(self.evidence.stages)
        yield f"seed {self.plan.seed}: {orders} orders, {stages} stages, {self.charges} charges, {self.seconds:.0f} s"
        yield "  ends: " + ", ".join(f"{times} {state}" for state, times in self.evidence.states.most_common())
        faults = Counter(strike.fault for strike in self.strikes)
        yield "  faults: " + ", ".join(f"{times} {fault}" for fault, times in sorted(faults.items()))
        yield "  an order is accepted after: " + _spread(self.placing)
        for fault in HITS:
            yield f"  next step after {fault}: {_spread(self.recoveries.get(fault, []))}"
        yield from (f"  BROKEN: {each}" for each in self.broken)
        yield f"  {len(self.broken)} promises broken"


class Shop(threading.Thread):
    """Places orders, each until it is accepted, with one idempotency key however often it asks."""

    def __init__(self, api: Api, plan: Plan) -> None:
        super().__init__(daemon=True, name="shop")
        self._api, self._plan = api, plan
        self._random = Random(f"shop {plan.seed}")
        self.accepted: dict[str, int] = {}
        self.seconds: list[float] = []
        self._enough = threading.Event()

    def run(self) -> None:
        for number in range(self._plan.orders):
            self._place(f"order-{number}", self._random.choice(MENUS))
            if self._enough.wait(self._random.uniform(0.4, 1.6) * self._plan.seconds / self._plan.orders * 0.8):
                return

    def stop(self) -> None:
        """Place no more; returns when the one under way is accepted."""
        self._enough.set()
        self.join()

    def _place(self, key: str, menu: set[StageType]) -> None:
        poem = {} if POEM in menu else {"poem": "Море шумит, и Анна поёт."}
        while True:
            began = time.monotonic()
            try:
                answer = self._api.place(*sorted(menu), key=key, recipient=f"Анна, {key}", **poem)
            except requests.RequestException:
                time.sleep(0.2)
                continue
            if answer.status_code < 500:
                assert answer.status_code == 202, answer.text
                self.accepted[key] = answer.json()["id"]
                self.seconds.append(time.monotonic() - began)
                return
            time.sleep(0.2)


class Watcher(threading.Thread):
    """Notes when each stage takes a step."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True, name="watcher")
        self._engine = engine
        self._over = threading.Event()
        self.now: dict[int, tuple[StageState, int]] = {}
        self.due: dict[int, datetime] = {}
        self.steps: dict[int, list[float]] = defaultdict(list)

    def run(self) -> None:
        while not self._over.wait(WATCH_SECONDS):
            try:
                with self._engine.connect() as connection:
                    found = connection.execute(select(Stage.id, Stage.state, Stage.claim, Stage.due_at)).all()
            except Exception:  # noqa: BLE001, S112  # the database is away, as it was told to be
                continue
            at = time.monotonic()
            for stage_id, state, claim, due_at in found:
                self.due[stage_id] = due_at
                if self.now.get(stage_id) != (state, claim):
                    self.now[stage_id] = (state, claim)
                    self.steps[stage_id].append(at)

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self.join()

    def standing_in(self, states: Sequence[str]) -> frozenset[int]:
        """The stages that are in one of these states, and whose time has come."""
        now = utc_now()
        return frozenset(
            stage_id for stage_id, (state, _) in list(self.now.items()) if state in states and self.due[stage_id] <= now
        )

    def recovery(self, strike: Strike) -> list[float]:
        """Seconds from the fault to the next step of each stage that it hit."""
        steps = [[at for at in self.steps[stage_id] if at > strike.at] for stage_id in strike.hit]
        return [each[0] - strike.at for each in steps if each]


def short_run(folder: Path, database: str) -> Report:
    """A storm of half a minute, always the same one unless CHAOS_SEED says otherwise."""
    return run(Plan(int(os.environ.get("CHAOS_SEED", "4")), seconds=30, orders=60, faults=26), folder, database)


def run(plan: Plan, folder: Path, database: str) -> Report:
    """Carry out ``plan`` on ``sqlite`` or ``postgresql``; everything it starts has ended on return."""
    random = Random(plan.seed)
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        for room in (emulator.suno, emulator.pika):
            room.job_seconds = 3
        server = stack.enter_context(LocalPostgres()) if database == "postgresql" else None
        url = server.new_database() if server else f"sqlite:///{folder / 'quatrain.db'}"
        system = stack.enter_context(ChaosSystem(folder, url, emulator, random))
        system.database = server
        unasked = len(emulator.ledger)  # the check of a key may cost a word
        shop, watcher = Shop(system.api(), plan), Watcher(system.engine)
        began = time.monotonic()
        shop.start()
        watcher.start()
        strikes = _storm(plan, random, system, watcher)
        _peace(system, shop, watcher)
        watcher.stop()
        accepted = frozenset(shop.accepted.values())
        charges = emulator.ledger[unasked:]
        evidence = gather(system.engine, folder / "media", accepted, charges, system.output())
        recoveries: dict[str, list[float]] = defaultdict(list)
        for strike in strikes:
            recoveries[strike.fault] += watcher.recovery(strike)
        seconds = time.monotonic() - began
    report = Report(plan, evidence, strikes, recoveries, shop.seconds, len(charges), seconds)
    report.broken = broken_promises(evidence)
    if len(accepted) != plan.orders:
        report.broken.append(f"{plan.orders - len(accepted)} orders were never accepted")
    return report


def _storm(plan: Plan, random: Random, system: ChaosSystem, watcher: Watcher) -> list[Strike]:
    faults = [fault for fault in FAULTS if system.database is not None or fault != "database_restarted"]
    moments = sorted(random.uniform(0, plan.seconds) for _ in range(plan.faults))
    names = random.choices(faults, [FAULTS[fault] for fault in faults], k=plan.faults)
    began = jobs_at = time.monotonic()
    strikes = []
    for moment, fault in zip(moments, names, strict=True):
        while time.monotonic() < began + moment:
            system.repair()
            if time.monotonic() > jobs_at + JOBS_SECONDS:
                jobs_at = time.monotonic()
                system.pass_time("submitted")
            time.sleep(0.05)
        strikes.append(Strike(fault, time.monotonic(), watcher.standing_in(HITS.get(fault, ()))))
        system.strike(fault)
    return strikes


def _peace(system: ChaosSystem, shop: Shop, watcher: Watcher) -> None:
    for room in system.emulator.rooms.values():
        room.clear_faults()
    until = time.monotonic() + PEACE_SECONDS
    while time.monotonic() < until:
        system.repair()
        system.pass_time("queued", "submitted", "uncertain")
        if not shop.is_alive() and watcher.now and all(state in RESTING for state, _ in list(watcher.now.values())):
            break
        time.sleep(1)
    shop.stop()
    system.repair(all_of_it=True)


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "nothing was hit"
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered):.1f} s, p99 {p99:.1f} s, max {ordered[-1]:.1f} s of {len(ordered)}"
