"""Asking providers about the jobs that run there, in batches.

A job is asked about with the provider, key and model that it was handed over with, whatever the section says now.
Looks are free and repeatable: a job whose look was lost is simply looked at again.
"""

import random
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import case

from domain import quotas
from domain.db import db, utc_now
from domain.generation import download, outcomes, reconcile, submit
from domain.generation.calls import Call
from domain.orders import leases, stages
from domain.orders.models import Attempt, AttemptState, Ready, Stage, StageReason, StageState
from domain.storage_retry import retry_while_storage_down
from providers.base import JobStatus, MediaLink
from providers.errors import JobUnknown, ProviderError, RateLimited, SettingsError
from providers.kinds import ProviderKind, StageType
from providers.registry import JOB_ADAPTERS, open_job_provider
from settings import current_settings

log = structlog.get_logger(__name__)

BATCH = 50
THREADS = 16
INTERVALS = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 30))
#: Of a provider that calls us when a job has ended.
INTERVAL_IF_CALLED = timedelta(seconds=60)
#: A key that is refused may be mended; the job is paid for and is kept.
REFUSED_INTERVAL = timedelta(minutes=5)
UNKNOWN_LOOKS = 3
JITTER = 0.2
SUBMITTED = {StageState.SUBMITTED}


@dataclass(frozen=True, slots=True)
class Polled:
    """What has to be told to the workers after a round."""

    ready: list[Ready]
    checks: list[StageType]
    #: When to look at those jobs that had to wait for their provider's pace.
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PollJob:
    """One job to look at. ``unknown`` is how often in a row the provider has not known it.

    ``due_at`` is what the look was due for: a call to us that comes meanwhile asks for another one.
    """

    call: Call
    job_id: str
    looks: int
    unknown: int
    deadline_at: datetime
    due_at: datetime
    taken_at: datetime


def poll_due(now: datetime) -> Polled:
    """Look at every job whose time has come, settle uncertain submits, and fetch what is finished.

    Commits at each step. Two rounds at once take different jobs.
    """
    checks = reconcile.resolve_due(now)
    asked_at = time.monotonic()
    looks, again_at = _take_looks(now)
    finished: list[tuple[Call, str, JobStatus, MediaLink]] = []
    with leases.renewed(*((look.call.id, look.call.claim) for look in looks), asked_at=asked_at):
        for look, found in _ask_and_count(looks):
            if isinstance(found, JobStatus) and found.media is not None:
                finished.append((look.call, look.job_id, found, found.media))
            else:
                check = _settle(look, found, utc_now())
                checks += [check] if check is not None else []
        return Polled(download.fetch(finished), checks, again_at)


def _take_looks(now: datetime) -> tuple[list[PollJob], datetime | None]:
    """The jobs that are due, as plain data, and when to come for more; nobody else takes them while our leases last."""
    looks: list[PollJob] = []
    times: list[datetime] = []
    for kind in JOB_ADAPTERS:
        wanted = stages.count_due(StageState.SUBMITTED, kind, now, BATCH)
        if wanted:
            grant = quotas.acquire_polls(kind, wanted)
            due = stages.take_due(StageState.SUBMITTED, now, grant.calls, kind)
            looks += [look for taken in due if (look := _look_of(taken.id, now, grant.counted_at))]
            times += [grant.again_at] if grant.again_at else []
        db.session.commit()
    return looks, min(times, default=None)


def _look_of(stage_id: int, now: datetime, counted_at: float | None) -> PollJob | None:
    stage = db.session.get_one(Stage, stage_id)
    attempt = submit.open_attempt(stage_id)
    if attempt is None or attempt.job_id is None:
        # Cannot come about by our own moves; a person can hand the stage in anew.
        stages.transition(
            stage, SUBMITTED, state=StageState.ATTENTION, reason=StageReason.JOB_UNKNOWN, lease_until=None
        )
        return None
    call = submit.call_of(stage, attempt)
    if call is None:
        _wait_for_the_key(stage, attempt, now)
        return None
    attempt.looks += 1
    deadline_at = attempt.deadline_at or now
    call = replace(call, counted_at=counted_at)
    taken_at = attempt.submitted_at or attempt.started_at
    return PollJob(call, attempt.job_id, attempt.looks, stage.passing_failures, deadline_at, stage.due_at, taken_at)


def _wait_for_the_key(stage: Stage, attempt: Attempt, now: datetime) -> None:
    """The job runs at its provider and is paid for: until its key can be opened again it waits, as for a section.

    After ``STAGE_WAIT_HOURS`` a person decides: nobody may have that ``ADMIN_SECRET_KEY`` any more.
    """
    given_up = _is_given_up(attempt.submitted_at or attempt.started_at, now)
    stages.transition(
        stage,
        SUBMITTED,
        state=StageState.ATTENTION if given_up else StageState.SUBMITTED,
        reason=StageReason.JOB_KEY_UNREADABLE,
        due_at=now + REFUSED_INTERVAL,
        lease_until=None,
    )


def _is_given_up(taken_at: datetime, now: datetime) -> bool:
    """Whether a job whose key does not serve has waited for as long as a stage waits for its section."""
    return now - taken_at > timedelta(hours=current_settings().stage_wait_hours)


def _ask_and_count(looks: list[PollJob]) -> list[tuple[PollJob, JobStatus | ProviderError]]:
    """Look at all of them side by side, then count them for when they left; no transaction is open meanwhile."""
    if not looks:
        return []
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(_poll, looks))
    left: dict[tuple[ProviderKind, float], list[float | None]] = defaultdict(list)
    for look, left_at, _ in answers:
        if look.call.counted_at is not None:
            left[look.call.config.provider_kind, look.call.counted_at].append(left_at)
    _count_as_left(left)
    return [(look, found) for look, _, found in answers]


@retry_while_storage_down
def _count_as_left(left: dict[tuple[ProviderKind, float], list[float | None]]) -> None:
    for (kind, counted_at), moments in left.items():
        quotas.correct(kind, counted_at, moments)
    db.session.commit()


def _poll(look: PollJob) -> tuple[PollJob, float, JobStatus | ProviderError]:
    """The look, when its question left, and what came of it."""
    call = look.call
    left_at = utc_now().timestamp()
    try:
        found = open_job_provider(call.config.provider_kind, call.credentials).poll(look.job_id)
    except ProviderError as error:
        call.hide_words(error)
        return look, left_at, error
    if found.error is not None:
        call.hide_words(found.error)
    return look, left_at, found


@retry_while_storage_down
def _settle(look: PollJob, found: JobStatus | ProviderError, now: datetime) -> StageType | None:
    """Store what a look has found; returns the stage's type if its section must be checked. Commits."""
    call = look.call
    if isinstance(found, JobStatus) and found.error is not None:
        log.info("job failed", **call.facts, job_id=look.job_id, outcome=found.error.code, charged=found.charged)
        return outcomes.record_failed_job(call, found.error, charged=found.charged)
    check = None
    if isinstance(found, SettingsError) and not _is_given_up(look.taken_at, now):
        # Past its deadline, too: the key can be put in order, and the job is paid for.
        _look_again(look, now + REFUSED_INTERVAL, reason=found.code, detail=found.detail)
        check = outcomes.mark_invalid(call, found, now)
    elif isinstance(found, JobUnknown) and look.unknown + 1 >= UNKNOWN_LOOKS:
        _lose(look, found)
    elif now >= look.deadline_at:
        stages.transition(
            call, SUBMITTED, state=StageState.ATTENTION, reason=StageReason.JOB_TOO_LONG, lease_until=None
        )
    else:
        _look_again(look, _next_look(look, now), **_trouble(look, found))
    if isinstance(found, RateLimited):
        quotas.close(call.config.provider_kind, found.retry_after, now)
    db.session.commit()
    return check


def _trouble(look: PollJob, found: JobStatus | ProviderError) -> dict[str, object]:
    """What the page shows beside a running job, and how often the provider has not known it."""
    if isinstance(found, JobStatus):
        return {"reason": None, "detail": "", "passing_failures": 0}
    unknown = look.unknown + 1 if isinstance(found, JobUnknown) else look.unknown
    return {"reason": found.code, "detail": found.detail, "passing_failures": unknown}


def _next_look(look: PollJob, now: datetime) -> datetime:
    interval = INTERVALS[min(look.looks, len(INTERVALS)) - 1]
    if submit.will_call(JOB_ADAPTERS[look.call.config.provider_kind]):
        interval = INTERVAL_IF_CALLED
    return now + interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # not a secret: it spreads the load


def _look_again(look: PollJob, due_at: datetime, **values: object) -> None:
    unless_wanted_sooner = case((Stage.due_at == look.due_at, due_at), else_=Stage.due_at)
    stages.transition(look.call, SUBMITTED, due_at=unless_wanted_sooner, lease_until=None, **values)


def _lose(look: PollJob, error: JobUnknown) -> None:
    """The provider has forgotten the job: what became of the money, only a person can find out."""
    attempt = db.session.get_one(Attempt, look.call.attempt_id)
    attempt.state, attempt.ended_at, attempt.code = AttemptState.LOST, utc_now(), error.code
    attempt.api_key_encrypted = None
    stages.transition(
        look.call,
        SUBMITTED,
        state=StageState.ATTENTION,
        reason=error.code,
        detail=error.detail,
        lease_until=None,
    )
