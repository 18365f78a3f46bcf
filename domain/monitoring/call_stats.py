"""How the calls of each day went: how long each kind of work took, and how often each provider failed.

Counted up as calls end (``domain/monitoring/call_counters.py``), so that a page reads some hundred rows however many
orders there are. A day is one of the shop: that of the moment at which the call ended. What was counted stays where it
is when ``TIME_ZONE`` changes.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Date, Float, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, db, enum_type, insert_into
from domain.orders.models import AttemptState, StageReason
from providers.kinds import ProviderKind, StageType

#: Seconds that a call took at the most, from when it was written down to its end; for jobs, to that of the job.
BOUNDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 1800)
#: What stands for no bound.
LONGER = -1.0
ANSWERED = AttemptState.ANSWERED.value
MEDIAN, MOST = 0.5, 0.9


class CallDay(Base):
    """How many calls of one day have ended so, within ``seconds`` and not within the bound below."""

    __tablename__ = "call_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    stage_type: Mapped[StageType] = mapped_column(enum_type(StageType), primary_key=True)
    provider_kind: Mapped[ProviderKind] = mapped_column(enum_type(ProviderKind), primary_key=True)
    #: ``answered``, or the code of what went wrong.
    outcome: Mapped[str] = mapped_column(Text, primary_key=True)
    seconds: Mapped[float] = mapped_column(Float, primary_key=True)
    calls: Mapped[int]


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What is counted together; in the order of the columns."""

    day: date
    stage_type: StageType
    provider_kind: ProviderKind
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Times:
    """How long the works of one kind took that were made on one day, in seconds: about, as only bounds are kept."""

    works: int
    median: float
    #: Nine of ten took no longer.
    most: float


@dataclass(frozen=True, slots=True)
class Failures:
    """Of all calls to one provider, how many brought no work, and why, the most frequent reason first."""

    calls: int
    failed: int
    reasons: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Days:
    """What is known of some days. Stage types and providers that were not called are missing."""

    times: Mapping[StageType, Mapping[date, Times]]
    overall: Mapping[StageType, Times]
    failures: Mapping[ProviderKind, Failures]


def bound_of(seconds: float) -> float:
    """The bound that a call of so many seconds is counted under."""
    return next((bound for bound in BOUNDS if seconds <= bound), LONGER)


def add(counted: Mapping[Kind, int]) -> None:
    """Add these calls, in the caller's transaction."""
    if not counted:
        return
    table = Base.metadata.tables[CallDay.__tablename__]
    # In one order for everybody, so that two who count cannot lock each other out.
    rows = [
        {
            "day": kind.day,
            "stage_type": kind.stage_type,
            "provider_kind": kind.provider_kind,
            "outcome": kind.outcome,
            "seconds": kind.seconds,
            "calls": counted[kind],
        }
        for kind in sorted(counted)
    ]
    new = insert_into(table, db.engine.dialect.name).values(rows)
    db.session.execute(
        new.on_conflict_do_update(index_elements=table.primary_key, set_={"calls": table.c.calls + new.excluded.calls})
    )


def since(first: date) -> Days:
    """The days from ``first`` on, from one query."""
    rows = db.session.execute(
        # Not the rows as objects: there are hundreds, and nobody changes them.
        select(
            CallDay.day, CallDay.stage_type, CallDay.provider_kind, CallDay.outcome, CallDay.seconds, CallDay.calls
        ).where(CallDay.day >= first, CallDay.outcome.not_in((StageReason.NOT_SENT, StageReason.ERASED)))
    )
    made: dict[StageType, dict[date, Counter[float]]] = {}
    outcomes: dict[ProviderKind, Counter[str]] = {}
    for row in rows:
        outcomes.setdefault(row.provider_kind, Counter())[row.outcome] += row.calls
        if row.outcome == ANSWERED:
            made.setdefault(row.stage_type, {}).setdefault(row.day, Counter())[row.seconds] += row.calls
    return Days(
        {kind: {day: _times([counts]) for day, counts in days.items()} for kind, days in made.items()},
        {kind: _times(days.values()) for kind, days in made.items()},
        {kind: _failures(counts) for kind, counts in outcomes.items()},
    )


def _times(days: Iterable[Counter[float]]) -> Times:
    counts: Counter[float] = sum(days, Counter())
    return Times(counts.total(), _quantile(counts, MEDIAN), _quantile(counts, MOST))


def _quantile(counts: Counter[float], part: float) -> float:
    """The seconds within which ``part`` of the calls ended, taken as evenly spread between two bounds."""
    numbers = [counts[bound] for bound in BOUNDS]
    sums = [sum(numbers[: place + 1]) for place in range(len(numbers))]
    wanted = part * counts.total()
    place = bisect_left(sums, wanted)
    if place == len(BOUNDS):
        return BOUNDS[-1]
    below = BOUNDS[place - 1] if place else 0.0
    before = sums[place - 1] if place else 0
    return below + (BOUNDS[place] - below) * (wanted - before) / numbers[place]


def _failures(outcomes: Counter[str]) -> Failures:
    reasons = [(outcome, calls) for outcome, calls in outcomes.most_common() if outcome != ANSWERED]
    return Failures(outcomes.total(), sum(calls for _, calls in reasons), reasons)
