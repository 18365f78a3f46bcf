"""What must hold after every commit, and at the end. Each promise yields a sentence for each time that it is broken."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from domain.orders.leases import LEASE
from domain.orders.models import OrderState, StageReason, StageState
from domain.orders.stages import ACTIVE_STATES
from providers.kinds import StageType
from tests.model.baton import Worker
from tests.model.rows import Rows, StageRow
from tests.model.world import Call, Made, World

BLOCKED, QUEUED, RUNNING, SUBMITTED, FETCHING, UNCERTAIN, WAITING, ATTENTION, DONE, FAILED = StageState
CHEAP = (StageType.POEM, StageType.VOICE)
MOVES = {
    None: {BLOCKED, QUEUED},
    BLOCKED: {QUEUED},
    # All but the first are what a worker finds as it takes the stage: no poem any more, no section that works.
    # The last is an answer that comes late, to a call that was thought lost.
    QUEUED: {RUNNING, BLOCKED, WAITING, DONE},
    RUNNING: {DONE, FAILED, WAITING, QUEUED, UNCERTAIN, SUBMITTED, ATTENTION},
    UNCERTAIN: {SUBMITTED, QUEUED, WAITING, FAILED, ATTENTION, DONE},
    SUBMITTED: {FETCHING, DONE, FAILED, QUEUED, WAITING, ATTENTION},
    FETCHING: {DONE, SUBMITTED, ATTENTION},
    WAITING: {QUEUED, FAILED},
    ATTENTION: {QUEUED, SUBMITTED, UNCERTAIN, DONE},
    FAILED: {QUEUED, SUBMITTED},
    DONE: set(),
}
#: Nothing of ours waits longer than this for its next look.
REACH = timedelta(hours=1, minutes=1)
#: Nobody has to have said these: they follow from our own settings, or from the clock.
OURS = {"checking", "not_configured", "waited_too_long"}


@dataclass
class Facts:
    """What the run has done to the house, which the promises have to allow for."""

    world: World
    media: Path
    #: How often a person has asked for the work to be made anew.
    again: Counter[Made] = field(default_factory=Counter)
    #: How often an answer was really lost, or the worker that waited for it.
    losses: Counter[Made] = field(default_factory=Counter)
    #: How often a work came that the disk did not take.
    unstored: Counter[Made] = field(default_factory=Counter)
    #: Since when no file can be written; None while they can.
    full_since: datetime | None = None

    def lost(self, made: Made) -> int:
        """How often a work was lost that may have been paid for."""
        said = self.world.said.get(made, Counter())
        return self.losses[made] + self.unstored[made] + said["silence"] + said["unreadable_answer"]


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction that took effect, and who committed it."""

    before: Rows
    after: Rows
    who: Worker | str
    now: datetime
    #: The latest time that the clock has ever shown: somebody may write down now what was reckoned then.
    latest: datetime

    def changed(self) -> Iterator[tuple[StageRow | None, StageRow]]:
        """Stages whose row is another one now."""
        for stage_id, stage in self.after.stages.items():
            old = self.before.stages.get(stage_id)
            if old != stage:
                yield old, stage


def after_each_commit(commit: Commit, facts: Facts) -> Iterator[str]:
    """Everything that one commit can break."""
    yield from _moves_are_known(commit)
    yield from _outdated_workers_change_nothing(commit)
    yield from _ended_attempts_stay(commit)
    yield from _orders_follow_their_stages(commit.after)
    yield from _everything_is_in_reach(commit.after, commit.latest)
    yield from _reasons_are_true(commit, facts)
    for old, stage in commit.changed():
        if stage.state is DONE and (old is None or old.state is not DONE):
            yield from work_is_right(commit.after, stage, facts)


def _moves_are_known(commit: Commit) -> Iterator[str]:
    for old, stage in commit.changed():
        if old is not None and stage.claim < old.claim:
            yield f"{stage.stage_type}: the claim went back from {old.claim} to {stage.claim}"
        before = old.state if old else None
        if before is not stage.state and stage.state not in MOVES[before]:
            yield f"{stage.stage_type}: nothing leads from {before} to {stage.state}"
        unasked = commit.who != "person" and not _was_given_back(commit.after, stage)
        if before in {FAILED, ATTENTION} and stage.state is QUEUED and unasked:
            yield f"{stage.stage_type}: {commit.who} made a {before} stage anew, unasked"


def _was_given_back(rows: Rows, stage: StageRow) -> bool:
    """Whether its latest attempt was written down and, by the worker's own word, not made."""
    attempts = rows.attempts_of(stage.id)
    return bool(attempts) and attempts[-1].code == StageReason.NOT_SENT


def _outdated_workers_change_nothing(commit: Commit) -> Iterator[str]:
    """A worker that has taken a stage writes by that claim alone, and writes nothing once it is outdated."""
    if not isinstance(commit.who, Worker):
        return
    holds = commit.who.holds
    for old, stage in commit.changed():
        if old is None or (old.state is BLOCKED and stage.state is QUEUED):
            continue
        taken_anew = stage.claim == old.claim + 1
        if stage.id in holds and old.claim != holds[stage.id] and not taken_anew:
            yield f"{stage.stage_type}: {commit.who} changed a stage that others have taken from it"
        if commit.who.takes_stages:
            holds[stage.id] = stage.claim
    for attempt in commit.after.attempts.values():
        old_attempt = commit.before.attempts.get(attempt.id)
        held = holds.get(attempt.stage_id)
        stage_before = commit.before.stages.get(attempt.stage_id)
        if old_attempt == attempt or held is None or stage_before is None or stage_before.claim == held:
            continue
        names_its_job = old_attempt is not None and old_attempt.unended and attempt.job_id is not None
        if commit.after.stages[attempt.stage_id].claim != held and not names_its_job:
            yield f"{commit.who} changed attempt {attempt.number} of a stage that others have taken from it"


def _ended_attempts_stay(commit: Commit) -> Iterator[str]:
    for attempt in commit.after.attempts.values():
        old = commit.before.attempts.get(attempt.id)
        if old is not None and not old.unended and attempt.unended:
            yield f"attempt {attempt.number} was {old.state} and is {attempt.state} again"
    unended = Counter(attempt.stage_id for attempt in commit.after.attempts.values() if attempt.unended)
    for stage_id, count in unended.items():
        if count > 1:
            yield f"stage {stage_id} has {count} attempts that have not ended"
        if commit.after.stages[stage_id].state is DONE:
            yield f"stage {stage_id} is done and has an attempt that has not ended"


def _orders_follow_their_stages(rows: Rows) -> Iterator[str]:
    for order in rows.orders.values():
        states = {stage.state for stage in rows.stages_of(order.id)}
        for candidates, follows in (
            (set(ACTIVE_STATES), OrderState.RUNNING),
            ({ATTENTION}, OrderState.ATTENTION),
            ({WAITING}, OrderState.WAITING),
            ({FAILED}, OrderState.FAILED),
            ({DONE}, OrderState.DONE),
        ):
            if states & candidates:
                if order.state is not follows:
                    yield f"{order.recipient} is {order.state} with stages {sorted(states)}"
                break


def _everything_is_in_reach(rows: Rows, now: datetime) -> Iterator[str]:
    """Whatever is not at rest has a time at which somebody looks at it."""
    for stage in rows.stages.values():
        if stage.state in {QUEUED, SUBMITTED, UNCERTAIN}:
            ok = stage.due_at is not None and stage.due_at <= now + REACH
        elif stage.state in {RUNNING, FETCHING}:
            ok = stage.lease_until is not None and stage.lease_until <= now + LEASE
        elif stage.state is WAITING:
            ok = stage.waiting_since is not None
        elif stage.state is BLOCKED:
            ok = any(other.stage_type is StageType.POEM for other in rows.stages_of(stage.order_id))
        else:
            ok = True
        if not ok:
            yield f"{stage.stage_type} is {stage.state} and out of reach: {stage}"


def _reasons_are_true(commit: Commit, facts: Facts) -> Iterator[str]:
    for old, stage in commit.changed():
        made = commit.after.made(stage)
        if old is not None and _has_lapsed(old, commit):
            facts.losses[made] += 1
        if stage.state not in {WAITING, FAILED, ATTENTION} or (old is not None and old.state is stage.state):
            continue
        said = facts.world.said.get(made, Counter())
        lost = {"answer_lost": facts.lost(made), "storage_full": facts.unstored[made]}
        if not stage.reason:
            yield f"{stage.stage_type} is {stage.state} for no reason"
        elif stage.state is ATTENTION and stage.reason in lost:
            if not lost[stage.reason]:
                yield f"{stage.stage_type} needs attention because of {stage.reason}, and nothing was lost so"
        elif stage.state is FAILED and stage.reason == "unreadable_answer" and facts.lost(made) < 2:
            yield f"{stage.stage_type} failed after one unreadable answer"
        elif not (stage.reason in said or stage.reason in facts.world.refused or _is_ours(stage, commit.now)):
            yield f"{stage.stage_type} is {stage.state} because of {stage.reason}, which nobody has said"


def _has_lapsed(stage: StageRow, commit: Commit) -> bool:
    """Whether nobody could know any more what became of the stage's call."""
    in_doubt = any(attempt.unended for attempt in commit.before.attempts_of(stage.id))
    return stage.state is RUNNING and in_doubt and stage.lease_until is not None and stage.lease_until < commit.now


def _is_ours(stage: StageRow, now: datetime) -> bool:
    """Whether the reason is one that follows from our own settings or from the clock."""
    return stage.reason in OURS | {"job_too_long", "download_failed"}


def work_is_right(rows: Rows, stage: StageRow, facts: Facts) -> Iterator[str]:
    """A stage that is done has one work, whose bytes are those that the row says and that the provider gave out."""
    works = rows.works.get(stage.id, [])
    if len(works) != 1:
        yield f"{stage.stage_type} is done with {len(works)} works"
        return
    work = works[0]
    if work.text is not None:
        content = work.text.encode()
    else:
        path = facts.media / str(work.file_name)
        content = path.read_bytes() if path.is_file() else b""
    found = hashlib.sha256(content).hexdigest()
    if found != work.sha256:
        yield f"{stage.stage_type}: the file is not the one that the row speaks of"
    if found not in facts.world.handed_out.get(rows.made(stage), set()):
        yield f"{stage.stage_type}: the work is not one that the provider made for it"


def ledger_is_right(facts: Facts) -> Iterator[str]:
    """Nothing is paid twice, except where a person asked for it, or a cheap work whose answer was lost."""
    world = facts.world
    for made in sorted({line.made for line in world.ledger}):
        charges, asked = world.charges(made), 1 + facts.again[made]
        allowed = asked + min(asked, facts.lost(made)) if made.stage_type in CHEAP else asked
        if charges > allowed:
            yield f"{made.stage_type} of {made.order} was charged {charges} times; {allowed} are allowed"
    yield from world.faults


def call_is_due(call: Call, rows: Rows, facts: Facts, now: datetime) -> Iterator[str]:
    """A paid call is begun only by who holds the stage, with the attempt written down, and with room for the work."""
    if not isinstance(call.worker, Worker):
        return
    stage = rows.stage_of(call.made)
    held = stage.claim == call.worker.holds.get(stage.id) and stage.state in {RUNNING, UNCERTAIN}
    if not held or stage.lease_until is None or stage.lease_until < now:
        yield f"{call.worker} calls {call.kind} for a {stage.state} stage that others may have taken from it"
    if not any(attempt.token == call.token and attempt.unended for attempt in rows.attempts_of(stage.id)):
        yield f"{call.worker} calls {call.kind} and has not written that down"
    begun = stage.started_at if stage.state is RUNNING and stage.stage_type is not StageType.POEM else None
    if begun is not None and facts.full_since is not None and facts.full_since <= begun:
        yield f"{call.worker} calls {call.kind} for a work that cannot be stored"
