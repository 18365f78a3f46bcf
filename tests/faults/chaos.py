"""A run: orders come in, faults strike by a seeded schedule, then there is peace, and the judge looks."""

import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from providers.kinds import StageType
from tests.emulator.server import Emulator
from tests.emulator.state import Fault
from tests.faults.chaos_system import KEY_REPAIRED, KINDS, PAID_ROUTES, ChaosSystem
from tests.faults.judge import RESTING, Evidence, broken_promises, gather
from tests.faults.witnesses import Placing, Shop, Strike, Watcher
from tests.local_services import LocalPostgres

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
    "key_refused": 1,
    "clock_set": 2,
}
#: From which states a fault is measured to the next step, and how many seconds that may take.
HITS = {
    "worker_killed": (("running", "fetching"), 30),
    "redis_killed": (("queued",), 10),
    "redis_emptied": (("queued",), 10),
    "database_restarted": (("queued", "running", "fetching"), 15),
    "beats_gone": (("queued",), 20),
    "clock_set": (("queued", "running", "fetching"), 30),
    KEY_REPAIRED: (("waiting",), 30),
}
#: What strikes by itself as well.
MEASURED = (
    "worker_killed",
    "redis_killed",
    "redis_emptied",
    "redis_frozen",
    "database_restarted",
    "beats_gone",
    "clock_set",
    "poem_key_refused",
)
#: Poems that are on their way then: some at their provider, and more in the queue than workers have threads.
LOAD = 48
LONGEST_ALONE_SECONDS = 60.0
ACCEPTED_WHILE_FROZEN_SECONDS = 1.5
#: After these a worker may not have heard an answer.
WORKERS_STRUCK = {"worker_killed", "worker_frozen_for_longer_than_a_lease"}
JOBS_SECONDS = 2.0
PEACE_SECONDS = 100.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the storm lasts, in seconds, and how much happens in it."""

    seed: int
    seconds: float
    orders: int
    faults: int
    #: How often each of the measured faults then strikes by itself.
    rounds_alone: int = 0


@dataclass
class Report:
    """What a run has shown."""

    plan: Plan
    evidence: Evidence
    strikes: list[Strike]
    alone: list[Strike]
    recoveries: dict[str, list[float]]
    recoveries_alone: dict[str, list[float]]
    placings: list[Placing]
    charges: int
    seconds: float
    broken: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The figures, for people."""
        orders, stages = len(self.evidence.accepted), len(self.evidence.stages)
        yield f"seed {self.plan.seed}: {orders} orders, {stages} stages, {self.charges} charges, {self.seconds:.0f} s"
        yield "  ends: " + ", ".join(f"{times} {state}" for state, times in self.evidence.states.most_common())
        faults = Counter(strike.fault for strike in self.strikes if strike.fault in FAULTS)
        yield "  faults: " + ", ".join(f"{times} {fault}" for fault, times in sorted(faults.items()))
        yield f"  an order is accepted after: {_spread([each.seconds for each in self.placings])}"
        frozen = [each.seconds for each in self.placings if each.redis_frozen]
        yield f"  the same while Redis is frozen: {_spread(frozen, ACCEPTED_WHILE_FROZEN_SECONDS)}"
        for fault, (_, aim) in HITS.items():
            yield f"  next step after {fault} in the storm: {_spread(self.recoveries.get(fault, []))}"
            if self.alone:
                yield f"  next step after {fault} alone: {_spread(self.recoveries_alone.get(fault, []), aim)}"
        yield from (f"  BROKEN: {each}" for each in self.broken)
        yield f"  {len(self.broken)} promises broken"


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
        watcher = Watcher(system.engine, system.now)
        shop = Shop(
            system.api,  # a session for each order: one that keeps its connections hides what a restart costs
            seed=plan.seed,
            orders=plan.orders,
            seconds=plan.seconds,
            redis_is_frozen=lambda: system.redis_is_frozen,
        )
        began = time.monotonic()
        shop.start()
        watcher.start()
        strikes = _storm(plan, random, system, watcher)
        alone = _one_by_one(plan, system, shop, watcher)
        _peace(system, shop, watcher)
        watcher.stop()
        accepted = frozenset(shop.accepted.values())
        charges = emulator.ledger[unasked:]
        evidence = gather(system.engine, folder / "media", accepted, charges, system.output())
        seconds = time.monotonic() - began
    evidence = replace(evidence, **_said(emulator, [*strikes, *alone]))
    stormy, calm = _recoveries(watcher, strikes), _recoveries(watcher, alone)
    report = Report(plan, evidence, strikes, alone, stormy, calm, shop.placings, len(charges), seconds)
    report.broken = broken_promises(evidence)
    if len(accepted) != shop.asked:
        report.broken.append(f"{shop.asked - len(accepted)} orders were never accepted")
    return report


def _storm(plan: Plan, random: Random, system: ChaosSystem, watcher: Watcher) -> list[Strike]:
    faults = [fault for fault in FAULTS if system.database is not None or fault != "database_restarted"]
    moments = sorted(random.uniform(0, plan.seconds) for _ in range(plan.faults))
    names = random.choices(faults, [FAULTS[fault] for fault in faults], k=plan.faults)
    began = jobs_at = time.monotonic()
    strikes: list[Strike] = []
    _note_repairs(strikes, system, watcher)
    for moment, fault in zip(moments, names, strict=True):
        while time.monotonic() < began + moment:
            jobs_at = _let_things_go_on(system, jobs_at)
        _strike(fault, strikes, system, watcher)
    return strikes


def _one_by_one(plan: Plan, system: ChaosSystem, shop: Shop, watcher: Watcher) -> list[Strike]:
    """The faults that are measured, each by itself and under load: in the storm they lengthen each other."""
    strikes: list[Strike] = []
    _note_repairs(strikes, system, watcher)
    jobs_at = time.monotonic()
    for fault in MEASURED * plan.rounds_alone:
        if fault == "database_restarted" and system.database is None:
            continue
        while system.is_under_repair:
            jobs_at = _let_things_go_on(system, jobs_at)
        system.emulator.rooms[KINDS[StageType.POEM]].fail(*PAID_ROUTES[StageType.POEM], delay=3, times=LOAD)
        shop.place_at_once(LOAD)
        _strike(fault, strikes, system, watcher)
        if system.redis_is_frozen:
            shop.place_at_once(3)
        until = time.monotonic() + LONGEST_ALONE_SECONDS
        while time.monotonic() < until and not (
            all(watcher.has_recovered(strike) for strike in strikes) and not system.is_under_repair
        ):
            jobs_at = _let_things_go_on(system, jobs_at)
    return strikes


def _let_things_go_on(system: ChaosSystem, jobs_at: float) -> float:
    """What was ended is started again, and jobs end soon; returns when the latter was seen to last."""
    system.repair()
    if time.monotonic() > jobs_at + JOBS_SECONDS:
        jobs_at = time.monotonic()
        system.pass_time("submitted")
    time.sleep(0.05)
    return jobs_at


def _strike(fault: str, strikes: list[Strike], system: ChaosSystem, watcher: Watcher) -> None:
    states, _ = HITS.get(fault, ((), 0))
    strikes.append(Strike(fault, time.monotonic(), watcher.standing_in(states)))
    system.strike(fault)


def _note_repairs(strikes: list[Strike], system: ChaosSystem, watcher: Watcher) -> None:
    states, _ = HITS[KEY_REPAIRED]
    system.when_a_key_is_repaired = lambda stage_type: strikes.append(
        Strike(KEY_REPAIRED, time.monotonic(), watcher.standing_in(states, stage_type))
    )


def _recoveries(watcher: Watcher, strikes: list[Strike]) -> dict[str, list[float]]:
    recoveries: dict[str, list[float]] = defaultdict(list)
    for strike in strikes:
        recoveries[strike.fault] += watcher.recovery(strike)
    return recoveries


def _peace(system: ChaosSystem, shop: Shop, watcher: Watcher) -> None:
    """No more faults, and what was planned for later comes soon: everything has to come to rest."""
    for room in system.emulator.rooms.values():
        room.clear_faults()
    until = time.monotonic() + PEACE_SECONDS
    while time.monotonic() < until:
        system.repair()
        system.pass_time("queued", "submitted", "uncertain")
        system.let_sections_heal()
        if not shop.is_alive() and watcher.now and watcher.states() <= RESTING:
            break
        time.sleep(1)
    shop.stop()
    system.repair(all_of_it=True)


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
