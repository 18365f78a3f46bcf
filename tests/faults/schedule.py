"""What strikes when: a storm by a seeded schedule, the same faults one by one, and the peace after them."""

import time
from dataclasses import dataclass
from random import Random

from domain.orders.models import StageState
from providers.kinds import StageType
from tests.emulated_sections import KINDS, PAID_ROUTES
from tests.faults.chaos_system import KEY_REPAIRED, ChaosSystem
from tests.faults.judge import RESTING
from tests.faults.witnesses import Shop, Strike, Watcher

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
#: What was started again is of use after so long.
STARTS_WITHIN_SECONDS = 6.0
#: How many orders are placed while a fault lasts.
ORDERED_UNDER = {"redis_frozen": 8, "poem_key_refused": 12}
TAKEN_UP_WITHIN_SECONDS = 5.0
MAX_ALONE_SECONDS = 60.0
JOBS_SECONDS = 2.0
#: Peace is over when no stage has taken a step for so long, or after so long in all; on a busy machine steps take time.
STANDS_STILL_SECONDS = 120.0
PEACE_SECONDS = 900.0


def kind_of(fault: str) -> str:
    """What it strikes: the first word of its name."""
    return "beat" if fault == "beats_gone" else fault.partition("_")[0]


KINDS_OF_FAULTS = tuple(dict.fromkeys(map(kind_of, FAULTS)))


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the storm lasts, in seconds, and how much happens in it."""

    seed: int
    seconds: float
    orders: int
    faults: int
    #: How often each of the measured faults then strikes by itself.
    rounds_alone: int = 0


def storm(plan: Plan, random: Random, system: ChaosSystem, watcher: Watcher) -> list[Strike]:
    """Everything, at random moments."""
    faults = [fault for fault in FAULTS if system.database is not None or fault != "database_restarted"]
    moments = sorted(random.uniform(0, plan.seconds) for _ in range(plan.faults))
    names = _names(plan, random, faults)
    began = jobs_at = time.monotonic()
    strikes: list[Strike] = []
    _note_repairs(strikes, system, watcher)
    for moment, fault in zip(moments, names, strict=True):
        while time.monotonic() < began + moment:
            jobs_at = _let_things_go_on(system, jobs_at)
        _strike(fault, strikes, system, watcher)
    return strikes


def _names(plan: Plan, random: Random, faults: list[str]) -> list[str]:
    """One fault of each kind, as far as that goes, and more of any kind; the heavier the more often."""
    each_kind = [[fault for fault in faults if kind_of(fault) == kind] for kind in KINDS_OF_FAULTS]
    pools = [pool for pool in each_kind if pool][: plan.faults]
    pools += [faults] * (plan.faults - len(pools))
    names = [random.choices(pool, [FAULTS[fault] for fault in pool])[0] for pool in pools]
    random.shuffle(names)
    return names


def one_by_one(plan: Plan, system: ChaosSystem, shop: Shop, watcher: Watcher) -> list[Strike]:
    """The faults that are measured, each by itself and under load: in the storm they lengthen each other."""
    strikes: list[Strike] = []
    _note_repairs(strikes, system, watcher)
    jobs_at = time.monotonic()
    for fault in MEASURED * plan.rounds_alone:
        if fault == "database_restarted" and system.database is None:
            continue
        well_since = time.monotonic()
        while time.monotonic() < well_since + STARTS_WITHIN_SECONDS:
            jobs_at = _let_things_go_on(system, jobs_at)
            if system.is_under_repair or not system.is_ready_for(StageType.POEM):
                well_since = time.monotonic()
        _clear_faults(system)
        system.emulator.rooms[KINDS[StageType.POEM]].fail(*PAID_ROUTES[StageType.POEM], delay=2, times=LOAD)
        shop.place_at_once(LOAD)
        jobs_at = _wait_for_something_to_hit(fault, system, watcher, jobs_at)
        _strike(fault, strikes, system, watcher, StageType.POEM)  # other works wait for their provider's quota too
        if fault in ORDERED_UNDER:
            shop.place_at_once(ORDERED_UNDER[fault])
        until = time.monotonic() + MAX_ALONE_SECONDS
        while time.monotonic() < until and not (
            all(watcher.has_recovered(strike) for strike in strikes) and not system.is_under_repair
        ):
            jobs_at = _let_things_go_on(system, jobs_at)
    return strikes


def _wait_for_something_to_hit(fault: str, system: ChaosSystem, watcher: Watcher, jobs_at: float) -> float:
    """Orders are placed faster than workers take them up."""
    states, _ = HITS.get(fault, ((), 0))
    until = time.monotonic() + TAKEN_UP_WITHIN_SECONDS
    while states and not watcher.standing_in(states, StageType.POEM) and time.monotonic() < until:
        jobs_at = _let_things_go_on(system, jobs_at)
    return jobs_at


def _clear_faults(system: ChaosSystem) -> None:
    for room in system.emulator.rooms.values():
        room.clear_faults()


def _let_things_go_on(system: ChaosSystem, jobs_at: float) -> float:
    """What was ended is started again, and jobs end soon; returns when the latter was seen to last."""
    system.repair()
    if time.monotonic() > jobs_at + JOBS_SECONDS:
        jobs_at = time.monotonic()
        system.pass_time("submitted")
    time.sleep(0.05)
    return jobs_at


def _strike(
    fault: str, strikes: list[Strike], system: ChaosSystem, watcher: Watcher, stage_type: StageType | None = None
) -> None:
    states, _ = HITS.get(fault, ((), 0))
    strikes.append(Strike(fault, time.monotonic(), watcher.standing_in(states, stage_type)))
    system.strike(fault)


def _note_repairs(strikes: list[Strike], system: ChaosSystem, watcher: Watcher) -> None:
    states, _ = HITS[KEY_REPAIRED]
    system.when_a_key_is_repaired = lambda stage_type: strikes.append(
        Strike(KEY_REPAIRED, time.monotonic(), watcher.standing_in(states, stage_type))
    )


def peace(system: ChaosSystem, shop: Shop, watcher: Watcher) -> None:
    """No more faults, and what was planned for later comes soon: everything has to come to rest."""
    _clear_faults(system)
    began = time.monotonic()
    while time.monotonic() < min(began + PEACE_SECONDS, max(began, watcher.last_step_at) + STANDS_STILL_SECONDS):
        system.repair()
        system.pass_time("queued", "submitted", "uncertain")
        system.let_sections_heal()
        if not shop.is_alive() and watcher.now and watcher.states() <= {*RESTING, StageState.BLOCKED}:
            break
        time.sleep(1)
    shop.stop()
    system.repair(all_of_it=True)
