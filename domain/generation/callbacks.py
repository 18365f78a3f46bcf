"""What a provider's call tells us: that a look is worth while now. Its words are never believed."""

from datetime import datetime
from enum import Enum, auto

from sqlalchemy import select, update

from domain.db import db
from domain.orders import stages
from domain.orders.models import Attempt, AttemptState, Stage, StageState
from providers.base import JobProvider
from providers.registry import JOB_ADAPTERS

#: Where a call can still name the job of a submit whose answer was lost.
DOUBTFUL = (StageState.UNCERTAIN, StageState.ATTENTION)


class Heard(Enum):
    """What a call to us was good for."""

    NOBODYS = auto()
    NOTHING_NEW = auto()
    #: A look is worth while now, so a message is.
    LOOK_NOW = auto()


def note(token: str, body: object, now: datetime) -> Heard:
    """Bring forward the next look at the attempt that was made with ``token``. Commits.

    May be called at any moment and any number of times: before the job's id is stored, and after the job has ended.
    A job id that ``body`` names is only kept, to be confirmed at the provider by ``reconcile.resolve_due``.
    """
    attempt = db.session.scalar(select(Attempt).where(Attempt.token == token))
    adapter = JOB_ADAPTERS.get(attempt.provider_kind) if attempt is not None else None
    if attempt is None or adapter is None:
        db.session.rollback()
        return Heard.NOBODYS
    if attempt.state is AttemptState.ACCEPTED:
        # As hundreds of jobs may end at once, without a lock: the order's state does not change with this.
        heard = _look_now(attempt.stage_id, adapter, body, now)
    elif attempt.state in AttemptState.unended():
        heard = _keep_hint(attempt, adapter, body, now)
    else:
        heard = Heard.NOTHING_NEW
    db.session.commit()
    return heard


def _look_now(stage_id: int, adapter: type[JobProvider], body: object, now: datetime) -> Heard:
    if adapter.is_progress(body):
        return Heard.NOTHING_NEW
    # Also where one is due already: it may be under way, and have been answered before the job ended.
    forward = update(Stage).where(Stage.id == stage_id, Stage.state == StageState.SUBMITTED).values(due_at=now)
    moved = db.session.scalar(forward.returning(Stage.id).execution_options(synchronize_session=False))
    return Heard.NOTHING_NEW if moved is None else Heard.LOOK_NOW


def _keep_hint(attempt: Attempt, adapter: type[JobProvider], body: object, now: datetime) -> Heard:
    # Whoever gives up on the attempt locks the order as well, so a job that is named now cannot be overlooked.
    stages.lock_order(db.session.get_one(Stage, attempt.stage_id).order_id)
    stage = db.session.get_one(Stage, attempt.stage_id, populate_existing=True, with_for_update=True)
    db.session.refresh(attempt)
    if attempt.state is AttemptState.ACCEPTED:
        # Its id was stored while we waited for the lock.
        return _look_now(stage.id, adapter, body, now)
    if attempt.state not in AttemptState.unended():
        return Heard.NOTHING_NEW
    attempt.hinted_job_id = adapter.job_id_in(body) or attempt.hinted_job_id
    db.session.flush()
    if attempt.state is AttemptState.UNCERTAIN and attempt.hinted_job_id:
        stages.transition(stage, DOUBTFUL, state=StageState.UNCERTAIN, due_at=now)
        return Heard.LOOK_NOW
    return Heard.NOTHING_NEW
