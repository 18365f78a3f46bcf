"""The model: a few orders, three workers, and everything that can befall them, in any order."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from domain.db import db, utc_now
from domain.generation import callbacks, generate
from domain.generation import poll as generation_poll
from domain.generation.manual_retry import RETRYABLE_STATES, retry_by_hand
from domain.generation.outcomes import Outcome
from domain.generation.poll import Polled
from domain.maintenance import sweep as maintenance_sweep
from domain.maintenance.sweep import Sweep
from domain.orders import placing
from domain.orders.models import AttemptState, Ready, Stage, StageState
from domain.provider_configs import changes, checks
from providers.base import Brief
from providers.kinds import StageType
from tests.model.baton import Go, Point, Worker
from tests.model.house import KEYS, KINDS, House
from tests.model.promises import ledger_is_right
from tests.model.rows import StageRow
from tests.model.settling import settle
from tests.model.world import Answer, World

WORKERS = 3
ORDERS = 2
POEM, VOICE, SONG, CLIP = StageType
#: What people order: the dear works most often, as they have most to lose.
MENUS = [{SONG}, {CLIP}, {POEM}, {VOICE}, {SONG, CLIP}, {POEM, VOICE}, set(StageType)]
#: Seconds that mean something: less than half a lease, less than one, more; back-offs; a job's longest time.
DELAYS = [5, 11, 25, 65, 185, 605, 1900, 3700]
#: By how much the clock is set.
STEPS = [-3700, -65, 65, 3700]
POINTS = st.integers(1, 12)
WHICH = st.integers(0, 5)

Message = tuple[str, Any]


class Model(RuleBasedStateMachine):
    """One run. ``house`` is set by whoever starts it."""

    house: ClassVar[House]
    steps: ClassVar[int] = 0
    runs: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        self.world = World()
        self.workers: list[Worker] = []
        self.mailbox: list[Message] = []
        self.orders = 0
        self.holds_promises = True

    @initialize(reachable=st.booleans(), from_environment=st.sampled_from([(), (), (POEM, SONG), (VOICE, CLIP)]))
    def open(self, reachable: bool, from_environment: tuple[StageType, ...]) -> None:
        self.world = self.house.empty(reachable=reachable, from_environment=frozenset(from_environment))

    @precondition(lambda self: self.orders < ORDERS)
    @rule(menu=st.sampled_from(MENUS))
    def place(self, menu: set[StageType]) -> None:
        brief = Brief(f"order {self.orders + 1}", "60 лет", "", "", "ru")
        poem = None if POEM in menu else "Море шумит"
        new = placing.NewOrder(brief, frozenset(menu), poem, "model")
        self.by_hand("customer", lambda: self.place_now(new))

    @precondition(lambda self: self.has_room() and self.mailbox)
    @rule(which=WHICH, points=POINTS, twice=st.booleans())
    def deliver(self, which: int, points: int, twice: bool) -> None:
        message = _pick(self.mailbox, which)
        if not twice:
            self.mailbox.remove(message)
        what, about = message
        if what == "check":
            self.start(f"check {about}", lambda: checks.check(about), points, takes_stages=False)
        else:
            self.start(f"generate {about}", lambda: generate.generate(about), points)

    @precondition(lambda self: self.has_room())
    @rule(points=POINTS)
    def poll(self, points: int) -> None:
        self.start("poll", lambda: generation_poll.poll_due(utc_now()), points)

    @precondition(lambda self: self.has_room())
    @rule(points=POINTS)
    def sweep(self, points: int) -> None:
        self.start("sweep", lambda: maintenance_sweep.sweep(utc_now()), points, takes_stages=False)

    @precondition(lambda self: any(not _is_calling(worker) for worker in self.workers))
    @rule(which=WHICH, points=POINTS)
    def go_on(self, which: int, points: int) -> None:
        self.let(_pick([worker for worker in self.workers if not _is_calling(worker)], which), Go(points))

    @precondition(lambda self: any(map(_is_calling, self.workers)))
    @rule(which=WHICH, answer=st.sampled_from(Answer), points=POINTS)
    def answer(self, which: int, answer: Answer, points: int) -> None:
        self.let(_pick([worker for worker in self.workers if _is_calling(worker)], which), Go(points, answer))

    @precondition(lambda self: self.workers)
    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        self.let(_pick(self.workers, which), Go(dies=True))

    @precondition(lambda self: self.workers)
    @rule(which=WHICH, answer=st.sampled_from([Answer.FINE, Answer.LOST_AND_TAKEN, Answer.FAILED_FREE]))
    def kill_committing(self, which: int, answer: Answer) -> None:
        self.let(_pick(self.workers, which), Go(12, answer, dies_committing=True))

    @rule(seconds=st.sampled_from(DELAYS), frozen=st.sets(st.integers(0, WORKERS - 1)))
    def pass_time(self, seconds: int, frozen: set[int]) -> None:
        """Whoever was not frozen meanwhile has renewed its leases all the time."""
        self.house.move_clock(timedelta(seconds=seconds))
        for which, worker in enumerate(self.workers):
            if which not in frozen:
                self.house.renew(worker)
        note(f"    it is {self.house.now:%H:%M:%S}")
        self.promises_are_kept()

    @rule(seconds=st.sampled_from(STEPS), frozen=st.sets(st.integers(0, WORKERS - 1)))
    def set_the_clock(self, seconds: int, frozen: set[int]) -> None:
        """The worst moment for a sweep is just after; whoever lives renews its leases a little later."""
        self.house.set_clock(timedelta(seconds=seconds))
        fresh = {(lease.stage_id, lease.claim) for each in self.workers for lease in each.leases if lease.is_fresh()}
        held = self.house.rows.held() & fresh
        self.by_hand("sweeper", lambda: self.post_results(maintenance_sweep.sweep(utc_now())))
        taken = held - self.house.rows.held()
        self.pass_time(5, frozen)
        assert not taken, f"the clock was set, and {taken} were taken from workers that live"

    @precondition(lambda self: self.world.jobs or self.house.rows.attempts)
    @rule(which=WHICH, says=st.sampled_from(["its job", "nonsense", "nothing"]))
    def call_back(self, which: int, says: str) -> None:
        if says == "its job" and self.world.jobs:
            job = _pick(list(self.world.jobs.values()), which)
            token, body = job.charge.token, {"job": job.id}
        elif self.house.rows.attempts:
            token = _pick(list(self.house.rows.attempts.values()), which).token
            body = {"job": "unheard-of"} if says == "nonsense" else {}
        else:
            return
        self.by_hand("call back", lambda: callbacks.note(token, body, utc_now()))

    @precondition(lambda self: self.retryable())
    @rule(which=WHICH)
    def retry(self, which: int) -> None:
        row = _pick(self.retryable(), which)
        self.by_hand("person", lambda: self.retry_now(row))

    @rule(stage_type=st.sampled_from(StageType), works=st.booleans())
    def revoke_a_key(self, stage_type: StageType, works: bool) -> None:
        (self.world.revoked.discard if works else self.world.revoked.add)(KEYS[stage_type])

    @rule(stage_type=st.sampled_from(StageType))
    def save_a_key(self, stage_type: StageType) -> None:
        key = f"{KEYS[stage_type]}-{len(self.world.ledger)}"
        new = changes.NewSettings(stage_type, KINDS[stage_type], key, "", None, "model")
        self.by_hand("administrator", lambda: changes.save(new))
        self.mailbox.append(("check", stage_type))

    @rule(full=st.booleans())
    def fill_the_disk(self, full: bool) -> None:
        self.house.fill_the_disk(full=full)

    def promises_are_kept(self) -> None:
        broken = [*self.house.broken, *ledger_is_right(self.house.facts)]
        self.holds_promises = self.holds_promises and not broken
        assert not broken, "\n".join(broken)

    def teardown(self) -> None:
        try:
            if self.holds_promises:
                self.end_well()
        finally:
            for worker in self.workers:
                worker.kill()
            self.workers.clear()

    def end_well(self) -> None:
        """Faults stop, time goes on, and everything has to come to a right end."""
        for worker in list(self.workers):
            while not worker.ended:
                self.let(worker, Go(100))
        settle(self.house)
        self.promises_are_kept()

    # What the rules are made of.

    def has_room(self) -> bool:
        return len(self.workers) < WORKERS

    def retryable(self) -> list[StageRow]:
        return [stage for stage in self.house.rows.stages.values() if stage.state in RETRYABLE_STATES]

    def place_now(self, new: placing.NewOrder) -> None:
        full = self.house.facts.full_since is not None
        try:
            order = placing.place(new)
        except placing.StorageFull:
            assert full, "an order was refused for want of room that there is"
            return
        assert not full, "an order was accepted that there is no room for"
        self.orders += 1
        self.post(placing.ready_stages(order))

    def retry_now(self, row: StageRow) -> None:
        stage = db.session.get_one(Stage, row.id)
        if retry_by_hand(stage, utc_now()):
            db.session.commit()
            if self.house.rows.stages[row.id].state is StageState.QUEUED:
                self.house.facts.again[self.house.rows.made(row)] += 1
                self.post([Ready(row.id, row.stage_type)])

    def start(self, what: str, action: Callable[[], Any], points: int, *, takes_stages: bool = True) -> None:
        worker = Worker(self.house.app, what, action, takes_stages=takes_stages)
        self.workers.append(worker)
        self.let(worker, Go(points))

    def let(self, worker: Worker, go: Go) -> None:
        """Give ``worker`` the baton, and see what it brought."""
        before = worker.steps
        worker.go_on(go)
        type(self).steps += worker.steps - before + 1
        note(f"    {worker!r}{' for ' + str(worker.call) if worker.call else ''}")
        if worker.was_killed:
            self.note_losses(worker)
        if worker.ended:
            self.workers.remove(worker)
            self.holds_promises = self.holds_promises and worker.fault is None
            if worker.fault is not None:
                raise worker.fault
            self.post_results(worker.result)
        self.promises_are_kept()

    def note_losses(self, worker: Worker) -> None:
        """Whatever the dead worker had asked for, nobody will hear of."""
        rows = self.house.rows
        for stage_id, claim in worker.holds.items():
            stage = rows.stages[stage_id]
            unsure = any(attempt.state is AttemptState.OPEN for attempt in rows.attempts_of(stage_id))
            if stage.claim == claim and unsure:
                self.house.facts.losses[rows.made(stage)] += 1

    def post_results(self, result: Any) -> None:
        ready: list[Ready] = result if isinstance(result, list) else []
        wanted: list[StageType | None] = []
        if isinstance(result, Outcome):
            ready, wanted = result.ready, [result.check]
        elif isinstance(result, Polled):
            ready, wanted = result.ready, [*result.checks]
        elif isinstance(result, Sweep):
            ready, wanted = result.stages, [*result.checks]
        self.post(ready)
        self.mailbox += [("check", stage_type) for stage_type in wanted if stage_type]

    def post(self, ready: list[Ready]) -> None:
        self.mailbox += [("stage", each.stage_id) for each in ready]

    def by_hand(self, who: str, action: Callable[[], Any]) -> None:
        """Something that the web process does in one transaction."""
        self.house.acting = who
        type(self).steps += 1
        with self.house.app.app_context():
            action()
        self.promises_are_kept()


def _is_calling(worker: Worker) -> bool:
    return worker.point is Point.CALL


def _pick(of: list[Any], which: int) -> Any:
    return of[which % len(of)]
