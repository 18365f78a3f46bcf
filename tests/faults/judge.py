"""The judge: what must hold after every run, read from the rows, the files and the providers' own ledger."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from domain.orders.models import Attempt, AttemptState, Order, Stage, StageReason, StageState, Work
from providers.errors import InvalidResponse, OutcomeUnknown
from providers.kinds import ProviderKind, StageType
from tests.emulator.state import Charge, Visit

CHEAP = (StageType.POEM, StageType.VOICE)
#: Nothing waits in the end: by then every section has a key that works.
RESTING = {StageState.DONE, StageState.FAILED, StageState.ATTENTION}
#: What a poem ends as that the other works of its order can wait for until a person decides.
UNMADE = {StageState.FAILED, StageState.ATTENTION}
#: What an attempt ends with whose answer nobody has.
UNHEARD = {AttemptState.LOST, AttemptState.UNCERTAIN}
#: As what a provider's silence, or its nonsense, is written down.
HIDDEN = {OutcomeUnknown.code, InvalidResponse.code}


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage at the end of a run. ``charges`` are those of the ledger, by the state of the attempt they are for."""

    order_id: int
    stage_type: StageType
    state: StageState
    reason: str | None = None
    attempts: tuple[AttemptState, ...] = (AttemptState.ANSWERED,)
    charges: int = 1
    #: Where its order's own poem stands, if one was ordered.
    poem: StageState | None = None
    provider_kind: ProviderKind = ProviderKind.SUNO
    #: What is known of the attempts whose answer nobody has: that of the provider, or that its worker was gone.
    lost_because: tuple[str | None, ...] = ()
    #: Why its work cannot be opened; empty where it can.
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is judged. ``unrecorded`` are charges of calls that were not written down before they were made."""

    accepted: frozenset[int]
    stored: frozenset[int]
    stages: tuple[StageFacts, ...]
    unrecorded: tuple[str, ...] = ()
    #: Works that a provider was making twice at the same time.
    at_once: tuple[str, ...] = ()
    locked: int = 0
    #: How often each provider said what cannot be read, and how often it may have kept an answer to itself.
    garbled: Counter[ProviderKind] = field(default_factory=Counter)
    silent: Counter[ProviderKind] = field(default_factory=Counter)
    workers_struck: int = 0
    states: Counter[str] = field(default_factory=Counter)


def broken_promises(evidence: Evidence) -> list[str]:
    """A sentence for each promise that was broken; none is what we want."""
    return [
        *(f"order {order_id} was accepted and is gone" for order_id in evidence.accepted - evidence.stored),
        *(f"order {order_id} was made twice, or for nobody" for order_id in evidence.stored - evidence.accepted),
        *(f"a charge is for a call that nobody wrote down: {charge}" for charge in evidence.unrecorded),
        *(f"{work} was being made twice at the same time" for work in evidence.at_once),
        *(f"'database is locked' was said {evidence.locked} times" for _ in range(evidence.locked > 0)),
        *(fault for stage in evidence.stages for fault in (*_of_stage(stage), *_of_reason(stage, evidence))),
    ]


def _of_stage(stage: StageFacts) -> Iterator[str]:
    who = f"{stage.stage_type} of order {stage.order_id}"
    lost = sum(state in UNHEARD for state in stage.attempts)
    allowed = min(2, 1 + lost) if stage.stage_type in CHEAP else 1
    if stage.charges > allowed:
        yield f"{who} was charged {stage.charges} times, and {allowed} is allowed"
    waits_for_a_person = stage.state is StageState.BLOCKED and stage.poem in UNMADE
    if stage.state not in RESTING and not waits_for_a_person:
        yield f"{who} stands still as {stage.state} ({stage.reason})"
    if stage.state is StageState.DONE and not stage.charges:
        yield f"{who} is done, and nobody was paid for it"
    if stage.damage:
        yield f"{who}: {stage.damage}"


def _of_reason(stage: StageFacts, evidence: Evidence) -> Iterator[str]:
    """Whether the providers and the faults bear a stage out that failed, or that asks a person."""
    who = f"{stage.stage_type} of order {stage.order_id}"
    kind = stage.provider_kind
    if stage.state is StageState.FAILED:
        # Nothing in a storm speaks of the words of an order: all that can fail a stage is an answer like no other.
        if stage.reason != InvalidResponse.code or not evidence.garbled[kind]:
            yield f"{who} failed ({stage.reason}), and {kind} bears nobody out"
    elif stage.state is StageState.ATTENTION:
        by_workers = StageReason.WORKER_GONE in stage.lost_because and evidence.workers_struck > 0
        by_provider = not HIDDEN.isdisjoint(stage.lost_because) and evidence.silent[kind] > 0
        if not by_workers and not by_provider:
            yield f"{who} asks a person ({stage.reason}), and no answer was lost"


def gather(
    engine: Engine, media: Path, accepted: frozenset[int], ledger: list[Charge], visits: list[Visit], output: str
) -> Evidence:
    """Read everything once the system has come to rest."""
    charged = Counter(_token(charge.token) for charge in ledger)
    with Session(engine) as session:
        works = {work.stage_id: work for work in session.scalars(select(Work))}
        attempts: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in session.scalars(select(Attempt).order_by(Attempt.number)):
            attempts[attempt.stage_id].append(attempt)
        poem_states = select(Stage.order_id, Stage.state).where(Stage.stage_type == StageType.POEM)
        poems = dict(session.execute(poem_states).all())
        known = {attempt.token for each in attempts.values() for attempt in each}
        stages = tuple(
            StageFacts(
                stage.order_id,
                stage.stage_type,
                stage.state,
                stage.reason,
                tuple(attempt.state for attempt in attempts[stage.id]),
                sum(charged[attempt.token] for attempt in attempts[stage.id]),
                poems.get(stage.order_id),
                stage.provider_kind or ProviderKind.DUMMY,
                tuple(attempt.code for attempt in attempts[stage.id] if attempt.state in UNHEARD),
                _damage(stage, works.get(stage.id), media),
            )
            for stage in session.scalars(select(Stage).order_by(Stage.id))
        )
        names = {stage.id: f"{stage.stage_type} of order {stage.order_id}" for stage in session.scalars(select(Stage))}
        stored = frozenset(session.scalars(select(Order.id)))
    return Evidence(
        accepted,
        stored,
        stages,
        unrecorded=tuple(
            f"{each.provider} {each.token}"
            for each in ledger
            if _token(each.token) not in known and not _is_for_a_check(each)
        ),
        at_once=tuple(names[stage_id] for stage_id in _made_at_once(attempts, visits)),
        locked=output.count("database is locked"),
        states=Counter(f"{stage.state}{f' ({stage.reason})' if stage.reason else ''}" for stage in stages),
    )


def _made_at_once(attempts: Mapping[int, list[Attempt]], visits: list[Visit]) -> Iterator[int]:
    """The stages of which a call was begun while another was still being answered."""
    by_token: dict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_token[_token(visit.token)].append(visit)
    for stage_id, each in attempts.items():
        calls = sorted((visit for attempt in each for visit in by_token[attempt.token]), key=lambda visit: visit.began)
        if any(later.began < earlier.ended for earlier, later in pairwise(calls)):
            yield stage_id


def _damage(stage: Stage, work: Work | None, media: Path) -> str:
    if stage.state is not StageState.DONE:
        return ""
    if work is None:
        return "it is done, and there is no work"
    if work.text is None and not (media / str(work.file_name)).is_file():
        return "its file is gone"
    content = work.text.encode() if work.text is not None else (media / str(work.file_name)).read_bytes()
    return "" if hashlib.sha256(content).hexdigest() == work.sha256 else "its work is not what was stored"


def _is_for_a_check(charge: Charge) -> bool:
    """The one provider that has no free question is asked for a word, and nobody's work."""
    return charge.provider is ProviderKind.SPEECHKIT and charge.token is None


def _token(sent: str | None) -> str:
    """Our own token in what a provider was sent: as it is, as a UUID, or at the end of the address for callbacks."""
    return (sent or "").rsplit("/", 1)[-1].replace("-", "")
