"""Where a stage goes whose call brought nothing: to the queue again, to its section, to a person, or to its end.

How often each is allowed stands here and nowhere else. Every function writes with the claim of the stage that it is
given, and its caller commits.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from domain.orders import stages
from domain.orders.models import Stage, StageState
from domain.orders.stages import Claimed
from domain.provider_configs.models import find
from domain.provider_configs.release import BACKOFF
from providers.errors import ProviderError
from providers.kinds import StageType

#: Of a provider that costs nothing: after so many answers that nobody can read the stage has failed.
FREE_UNREADABLE_TRIES = 3
#: How often a call is made again that may have been charged and brought nothing, or nothing that can be read.
CHARGES_REPEATED = 1
#: Works that cost little and leave nothing behind at the provider: only they are asked for once more.
REPEATABLE = (StageType.POEM, StageType.VOICE)
#: Of a provider that costs nothing: a stage that kills its worker this often is left to a person.
FREE_LOST_ANSWERS_REPEATED = 2
#: Where a stage stands while an answer about it can come. A late one finds its stage uncertain, and settles that.
IN_FLIGHT = (StageState.RUNNING, StageState.UNCERTAIN, StageState.SUBMITTED, StageState.FETCHING)
JITTER = 0.2
MAX_HINT = timedelta(hours=1)


def wait(stage: Claimed, reason: str, **values: Any) -> None:
    """Let the stage wait for its section."""
    stages.transition(stage, IN_FLIGHT, state=StageState.WAITING, reason=str(reason), lease_until=None, **values)


def handle_lost_response(
    stage: Stage, now: datetime, *, paid: bool, pause: timedelta = BACKOFF[0], reason: str = "answer_lost"
) -> None:
    """The call may or may not have been carried out: repeat it only where that is allowed, else ask a person."""
    if _may_be_charged_again(stage) if paid else stage.lost_answers < FREE_LOST_ANSWERS_REPEATED:
        queue_again(stage, now, reason, pause, lost_answers=stage.lost_answers + 1)
        return
    stages.transition(
        stage,
        IN_FLIGHT,
        state=StageState.ATTENTION,
        reason=reason,
        lease_until=None,
        lost_answers=stage.lost_answers + 1,
    )


def _may_be_charged_again(stage: Stage) -> bool:
    """Whether a call may be repeated that has probably been charged: docs/decisions/0008."""
    return stage.stage_type in REPEATABLE and stage.lost_answers + stage.unreadable_answers < CHARGES_REPEATED


def count_unreadable(stage: Stage, error: ProviderError, now: datetime, *, paid: bool) -> None:
    """Ask again for an answer that nobody can read, as often as that is allowed; after that the stage has failed."""
    count = stage.unreadable_answers + 1
    if _may_be_charged_again(stage) if paid else count < FREE_UNREADABLE_TRIES:
        queue_again(stage, now, error.code, BACKOFF[count - 1], unreadable_answers=count, **said(error))
    else:
        fail(stage, error.code, now, unreadable_answers=count, **said(error))


def retry_transient(stage: Stage, error: ProviderError, now: datetime) -> StageType | None:
    """Try again with growing waits; after the last, wait for a check of the section to pass.

    Returns the stage's type if its section must be checked now.
    """
    failures = stage.passing_failures + 1
    if failures <= len(BACKOFF):
        delay = BACKOFF[failures - 1]
        if error.retry_after:
            delay = max(delay, min(timedelta(seconds=error.retry_after), MAX_HINT))
        queue_again(stage, now, error.code, delay, passing_failures=failures, **said(error))
        return None
    wait(stage, error.code, passing_failures=failures, waiting_since=stage.waiting_since or now, **said(error))
    row = find(stage.stage_type, lock=True)
    if row is None:
        return None
    row.check_requested_at = row.check_requested_at or now
    return stage.stage_type


def queue_again(stage: Stage, now: datetime, reason: str, delay: timedelta, **values: Any) -> None:
    """Let the stage be taken again after ``delay``, more or less."""
    spread = delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # not a secret: it spreads the load
    stages.transition(
        stage,
        IN_FLIGHT,
        state=StageState.QUEUED,
        reason=reason,
        lease_until=None,
        due_at=now + spread,
        published_at=None,
        **values,
    )


def fail(stage: Stage, reason: str, now: datetime, **values: Any) -> None:
    """End the stage without a work."""
    stages.transition(
        stage,
        IN_FLIGHT,
        state=StageState.FAILED,
        reason=reason,
        lease_until=None,
        finished_at=now,
        **values,
    )


def said(error: ProviderError) -> dict[str, Any]:
    """What the provider said, for the row: never more than its own codes."""
    return {"detail": error.detail, "provider_request_id": error.request_id}
