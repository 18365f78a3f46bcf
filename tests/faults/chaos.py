"""A run: orders come in, faults strike by a seeded schedule, then there is peace, and the judge looks."""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.emulator.server import Emulator
from tests.emulator.state import Fault
from tests.faults import schedule
from tests.faults.chaos_system import ChaosSystem
from tests.faults.judge import Evidence, broken_promises, gather
from tests.faults.schedule import Plan
from tests.faults.witnesses import Shop, Strike, Watcher
from tests.local_services import LocalPostgres

ACCEPTED_WHILE_FROZEN_SECONDS = 1.5
#: From how many threads orders are placed: so many requests a killed web process can break off, and a deploy none.
ORDERS_AT_ONCE = 2
#: After these a worker may not have heard an answer.
WORKERS_STRUCK = {"worker_killed", "worker_frozen_for_longer_than_a_lease"}


@dataclass
class Report:
    """What a run has shown."""

    plan: Plan
    evidence: Evidence
    strikes: list[Strike]
    alone: list[Strike]
    recoveries: dict[str, list[float]]
    recoveries_alone: dict[str, list[float]]
    placing: list[float]
    placing_while_frozen: list[float]
    charges: int
    seconds: float
    broken: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The figures, for people."""
        orders, stages = len(self.evidence.accepted), len(self.evidence.stages)
        yield f"seed {self.plan.seed}: {orders} orders, {stages} stages, {self.charges} charges, {self.seconds:.0f} s"
        yield "  ends: " + ", ".join(f"{times} {state}" for state, times in self.evidence.states.most_common())
        faults = Counter(strike.fault for strike in self.strikes if strike.fault in schedule.FAULTS)
        yield "  faults: " + ", ".join(f"{times} {fault}" for fault, times in sorted(faults.items()))
        yield f"  an order is accepted after: {_spread(self.placing)}"
        if self.alone:
            frozen = _spread(self.placing_while_frozen, ACCEPTED_WHILE_FROZEN_SECONDS)
            yield f"  the same while Redis is frozen: {frozen}"
        for fault, (_, aim) in schedule.HITS.items():
            yield f"  next step after {fault} in the storm: {_spread(self.recoveries.get(fault, []))}"
            if self.alone:
                yield f"  next step after {fault} alone: {_spread(self.recoveries_alone.get(fault, []), aim)}"
        yield from (f"  BROKEN: {each}" for each in self.broken)
        yield f"  {len(self.broken)} promises broken"


def run(plan: Plan, folder: Path, database: str) -> Report:
    """Carry out ``plan`` on ``sqlite`` or ``postgresql``; everything it starts has ended on return."""
    random = Random(plan.seed)
    with ExitStack() as stack:
        system = _start(stack, folder, database, random)
        watcher, shop = Watcher(system.engine, system.now), _shop(plan, system)
        began = time.monotonic()
        shop.start()
        watcher.start()
        strikes = schedule.storm(plan, random, system, watcher)
        placed_in_storm = len(shop.placings)
        alone = schedule.one_by_one(plan, system, shop, watcher)
        schedule.peace(system, shop, watcher)
        watcher.stop()
        accepted, charges = frozenset(shop.accepted.values()), system.emulator.ledger
        media, visits = folder / "media", system.emulator.visits
        evidence = gather(system.engine, media, accepted, charges, visits, system.output())
        seconds = time.monotonic() - began
    report = Report(
        plan,
        replace(evidence, **_said(system.emulator, [*strikes, *alone])),
        strikes,
        alone,
        _recoveries(watcher, strikes),
        _recoveries(watcher, alone),
        [each.seconds for each in shop.placings],
        [each.seconds for each in shop.placings[placed_in_storm:] if each.redis_frozen],
        len(charges),
        seconds,
    )
    report.broken = [*broken_promises(report.evidence), *_broken_to(shop, [*strikes, *alone])]
    return report


def _start(stack: ExitStack, folder: Path, database: str, random: Random) -> ChaosSystem:
    emulator = stack.enter_context(Emulator())
    for room in (emulator.suno, emulator.pika):
        room.job_seconds = 3
    server = stack.enter_context(LocalPostgres()) if database == "postgresql" else None
    url = server.new_database() if server else f"sqlite:///{folder / 'quatrain.db'}"
    system = stack.enter_context(ChaosSystem(folder, url, emulator, random))
    system.database = server
    return system


def _shop(plan: Plan, system: ChaosSystem) -> Shop:
    return Shop(
        system.api,  # a session for each order: one that keeps its connections hides what a restart costs
        seed=plan.seed,
        orders=plan.orders,
        seconds=plan.seconds,
        redis_is_frozen=lambda: system.redis_is_frozen,
    )


def _broken_to(shop: Shop, strikes: list[Strike]) -> Iterator[str]:
    """What was promised to who places orders."""
    if len(shop.accepted) != shop.asked:
        yield f"{shop.asked - len(shop.accepted)} orders were never accepted"
    kills = sum(strike.fault == "web_killed" for strike in strikes)
    if shop.broken_off > kills * ORDERS_AT_ONCE:
        yield f"{shop.broken_off} requests were broken off, and the web process was killed {kills} times"


def _recoveries(watcher: Watcher, strikes: list[Strike]) -> dict[str, list[float]]:
    recoveries: dict[str, list[float]] = defaultdict(list)
    for strike in strikes:
        recoveries[strike.fault] += watcher.recovery(strike)
    return recoveries


def _said(emulator: Emulator, strikes: list[Strike]) -> dict[str, Any]:
    """What can be held against the reasons of stages: what providers did to us, and what befell workers."""
    played = emulator.played
    return {
        "garbled": Counter(kind for kind, fault in played if fault.status == 200 or fault.cut_body),
        "silent": Counter(kind for kind, fault in played if _hides_an_answer(fault)),
        "workers_struck": sum(strike.fault in WORKERS_STRUCK for strike in strikes),
    }


def _hides_an_answer(fault: Fault) -> bool:
    """Whether we cannot know after it what has been taken and charged."""
    return fault.cut or fault.cut_body or fault.status == 200 or (fault.status or 0) >= 500


def _spread(seconds: list[float], aim: float | None = None) -> str:
    if not seconds:
        return "nothing was hit"
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    missed = f", MISSED: {aim:g} s is the aim" if aim is not None and p99 > aim else ""
    return (
        f"median {statistics.median(ordered):.1f} s, p99 {p99:.1f} s, max {ordered[-1]:.1f} s of {len(ordered)}{missed}"
    )
