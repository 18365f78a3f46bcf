"""Deploys of everything in the middle of everything: requests come in, and works are made at slow providers."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine, select, update
from sqlalchemy.orm import Session

from domain.db import utc_now
from domain.orders.models import Stage, StageState
from providers.kinds import StageType
from tests.emulator.server import Emulator
from tests.faults.judge import Evidence, gather
from tests.faults.provider_faults import KINDS, PAID_ROUTES
from tests.http_session import Api
from tests.processes.callers import Caller, LeaseWatcher, asking, wait_for_answers
from tests.running_system import ENDS_WITHIN_SECONDS, RunningSystem, wait_until

POEM, VOICE, SONG, CLIP = StageType
OWN_POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."
#: Fewer than what is ordered before each deploy, so that it also finds messages that no thread was free for.
WORKER_THREADS = 8
POEMS_EACH_TIME = 5
#: An order that is placed again and again, and is one order all the same.
SAME_ORDER = "the same order"
#: How long a provider takes to answer and to send a file, so that a deploy finds it at it; how long a job runs there.
ANSWER_SECONDS, FILE_SECONDS, JOB_SECONDS = 2.0, 1.0, 1.0
#: The first voice takes until its lease was renewed so often, by a worker that was told to end.
RENEWALS = 2
DONE_WITHIN_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is known when all is done. ``doubted`` are the stages of which an answer was looked for at any time."""

    evidence: Evidence
    charges: int
    doubted: list[int]
    callers: list[Caller]
    most_renewals: int
    exit_codes: list[int]
    output: str


def deploy_everything(times: int, folder: Path) -> Afterwards:
    """Deploy while everything goes on, and wait until all that was ordered is made."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        system = stack.enter_context(system_at(emulator, folder))
        first_voice_ends = threading.Event()
        use_providers(system, emulator, first_voice_ends)
        unasked = len(emulator.ledger)  # the check of a key may cost a word
        engine = create_engine(f"sqlite:///{folder / 'quatrain.db'}", poolclass=NullPool)
        callers, leases = callers_of(system), LeaseWatcher(engine)
        with asking(*callers):
            placed, old_workers = [], []
            for _ in range(times):
                system.restart("beat")
                placed += order_everything(system.api(), engine)
                old_workers.append(system.replace("worker"))
                if not first_voice_ends.is_set():
                    with asking(leases):
                        deploy_web(system, callers)
                        wait_until(lambda: leases.most_renewals >= RENEWALS, "the old worker renews its leases")
                    first_voice_ends.set()
                else:
                    deploy_web(system, callers)
            wait_until(lambda: is_all_done(engine), "all works are made", DONE_WITHIN_SECONDS)
            placed.append(system.api().place(POEM, key=SAME_ORDER).json()["id"])
        exit_codes = [worker.wait(ENDS_WITHIN_SECONDS) for worker in old_workers]
        charges, output = emulator.ledger[unasked:], system.output()
        evidence = gather(engine, folder / "media", frozenset(placed), charges, emulator.visits, output)
        return Afterwards(
            evidence,
            len(charges),
            doubted_in(engine),
            callers,
            leases.most_renewals,
            exit_codes,
            output,
        )


def system_at(emulator: Emulator, folder: Path) -> RunningSystem:
    """A system that calls the emulated providers and whose web socket is held open."""
    urls = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    pace = {"SWEEP_INTERVAL_SECONDS": "2", "POLL_INTERVAL_SECONDS": "1", "REFRESH_INTERVAL_SECONDS": "60"}
    env = {**urls, **pace, "WORKER_THREADS": str(WORKER_THREADS)}
    system = RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env)
    system.hold_web_socket()
    return system


def deploy_web(system: RunningSystem, callers: list[Caller]) -> None:
    """In both ways, with a pause and without, while everybody goes on asking."""
    for deploy in (system.restart, system.replace):
        deploy("web")
        wait_for_answers(callers)


def use_providers(system: RunningSystem, emulator: Emulator, first_voice_ends: threading.Event) -> None:
    """Give each section a key that works, and then let its provider be slow."""
    admin, shop = system.browser(), system.api()
    for stage_type, kind in KINDS.items():
        secret = f"fake-{kind.lower().replace('_', '-')}-0123456789"
        emulator.rooms[kind].add_key("first", secret)
        admin.save_section(stage_type, kind, api_key=secret)
    for stage_type in StageType:
        wait_until(partial(shop.is_ready, stage_type), f"{stage_type} is ready")
    emulator.speechkit.fail(*PAID_ROUTES[VOICE], until=first_voice_ends)
    for stage_type, kind in KINDS.items():
        emulator.rooms[kind].fail(*PAID_ROUTES[stage_type], delay=ANSWER_SECONDS, times=None)
        emulator.rooms[kind].fail("file", delay=FILE_SECONDS, times=None)
    emulator.suno.most_calls = 1000
    emulator.suno.job_seconds = emulator.pika.job_seconds = JOB_SECONDS


def callers_of(system: RunningSystem) -> list[Caller]:
    """Four programs: one reads and one orders, each on a connection that it keeps and on new ones."""
    return [
        caller
        for hangs_up in (False, True)
        for caller in (
            Caller(system.api(), lambda api: api.get("/api/v1/stages"), expected=200, hangs_up=hangs_up),
            Caller(system.api(), lambda api: api.place(POEM, key=SAME_ORDER), expected=202, hangs_up=hangs_up),
        )
    ]


def order_everything(shop: Api, engine: Engine) -> list[int]:
    """Place orders, more than the worker has threads, until a call of each kind is under way."""
    placed = place_orders(shop)

    def each_kind_is_called() -> bool:
        if kinds_in(engine, StageState.QUEUED, StageState.RUNNING) != set(StageType):
            placed.extend(place_orders(shop))  # one was faster than the rest
        return kinds_in(engine, StageState.RUNNING) == set(StageType)

    wait_until(each_kind_is_called, "a call of each kind is under way")
    return placed


def place_orders(shop: Api) -> list[int]:
    """Orders of all works, of those for a poem that is there, and of poems alone."""
    answers = [shop.place(*StageType), shop.place(VOICE, SONG, CLIP, poem=OWN_POEM)]
    answers += [shop.place(POEM) for _ in range(POEMS_EACH_TIME)]
    return [answer.json()["id"] for answer in answers]


def kinds_in(engine: Engine, *states: StageState) -> set[StageType]:
    """The kinds of work of which a stage is in one of these states."""
    with Session(engine) as session:
        return set(session.scalars(select(Stage.stage_type).where(Stage.state.in_(states))))


def is_all_done(engine: Engine) -> bool:
    """Whether every stage of every order is done; lets the time pass after which a job is looked at."""
    early = (Stage.state == StageState.SUBMITTED, Stage.lease_until.is_(None), Stage.due_at > utc_now())
    with Session(engine) as session:
        if session.scalar(select(Stage.id).where(*early).limit(1)):
            session.execute(update(Stage).where(*early).values(due_at=Stage.created_at))
            session.commit()
        return session.scalar(select(Stage.id).where(Stage.state != StageState.DONE).limit(1)) is None


def doubted_in(engine: Engine) -> list[int]:
    """The stages that were ever uncertain: each time is counted in the row, also when it has ended well."""
    with Session(engine) as session:
        return list(session.scalars(select(Stage.id).where(Stage.lost_answers > 0)))
