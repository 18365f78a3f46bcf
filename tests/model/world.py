"""What happens outside our house: keys, jobs, files, and the ledger of what was charged for."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from providers.kinds import ProviderKind, StageType
from tests.model.baton import Worker


class Answer(StrEnum):
    """How a call to a provider goes. The first is what happens when nothing goes wrong."""

    FINE = "fine"
    #: Of a job: it still runs.
    NOT_YET = "not yet"
    #: The provider did what was asked for, and we never hear of it.
    LOST_AND_TAKEN = "lost, taken"
    #: The provider never got it, and we cannot know.
    LOST_ON_THE_WAY = "lost on the way"
    GARBAGE = "garbage, taken"
    #: Surely not sent, or surely refused: it costs nothing.
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate limited"
    BLOCKED = "blocked"
    #: The provider does not know the job, though it should; the link has run out.
    UNKNOWN = "unknown"
    #: The job has failed at the provider.
    FAILED_FREE = "failed, not charged"
    FAILED_CHARGED = "failed, charged"


class Made(NamedTuple):
    """Which work of which order a call is about."""

    order: str
    stage_type: StageType


@dataclass(slots=True)
class Call:
    """A paid call that a worker is about to make, or that is on its way."""

    made: Made
    kind: ProviderKind
    token: str
    worker: Worker | None
    sent: bool = False


@dataclass(slots=True)
class Charge:
    """A line of the ledger. ``refunded`` where the provider has given the money back."""

    made: Made
    kind: ProviderKind
    token: str
    refunded: bool = False


@dataclass(slots=True)
class Job:
    """A generation that runs at a provider."""

    id: str
    charge: Charge
    key: str
    body: object
    end: Answer | None = None
    links: int = 0


@dataclass
class World:
    """One run's providers. Nothing in here knows the database."""

    ledger: list[Charge] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    flying: list[Call] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    #: What was said to us about each work, as the code of the error; ``silence`` where an answer was lost.
    said: dict[Made, Counter[str]] = field(default_factory=dict)
    #: The hexadecimal SHA-256 of everything that was handed out as each work.
    handed_out: dict[Made, set[str]] = field(default_factory=dict)
    #: Codes with which keys were refused, by whoever asked.
    refused: set[str] = field(default_factory=set)
    #: What a provider would complain of.
    faults: list[str] = field(default_factory=list)

    def charge(self, call: Call) -> Charge:
        """Write a line into the ledger."""
        line = Charge(call.made, call.kind, call.token)
        self.ledger.append(line)
        return line

    def charges(self, made: Made) -> int:
        """How often this work was paid for."""
        return sum(line.made == made and not line.refunded for line in self.ledger)

    def say(self, made: Made, code: str) -> None:
        """Note what our side was told."""
        self.said.setdefault(made, Counter())[code] += 1

    def hand_out(self, made: Made, content: bytes) -> bytes:
        """Note the content of a work that leaves the provider."""
        self.handed_out.setdefault(made, set()).add(hashlib.sha256(content).hexdigest())
        return content

    def new_job(self, call: Call, key: str, body: object) -> Job:
        """Take a job, and charge for it."""
        job = Job(f"{call.kind}-{len(self.jobs) + 1}", self.charge(call), key, body)
        self.jobs[job.id] = job
        return job

    def job_of_token(self, kind: ProviderKind, token: str) -> Job | None:
        """The job that was taken with ``token`` before."""
        return next((job for job in self.jobs.values() if (job.charge.kind, job.charge.token) == (kind, token)), None)
