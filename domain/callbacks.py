"""What a provider's call tells us: that a look is worth while now. Its words are never believed."""

from datetime import datetime

from sqlalchemy import select

from domain import stages
from domain.db import db
from domain.orders import Attempt, AttemptState, Stage, StageState
from providers.registry import JOB_ADAPTERS

#: Where a call can still name the job of a submit whose answer was lost.
DOUBTFUL = (StageState.UNCERTAIN, StageState.ATTENTION)


def note(token: str, body: object, now: datetime) -> bool:
    """Bring forward the next look at the attempt that was made with ``token``; False if there is none. Commits.

    May be called at any moment and any number of times: before the job's id is stored, and after the job has ended.
    A job id that ``body`` names is only kept, to be confirmed at the provider by ``submissions.resolve_due``.
    """
    attempt = db.session.scalar(select(Attempt).where(Attempt.token == token))
    adapter = JOB_ADAPTERS.get(attempt.provider_kind) if attempt is not None else None
    if attempt is None or adapter is None:
        db.session.rollback()
        return False
    # Whoever gives up on the attempt locks the order as well, so a job that is named now cannot be overlooked.
    stages.lock_order(db.session.get_one(Stage, attempt.stage_id).order_id)
    stage = db.session.get_one(Stage, attempt.stage_id, populate_existing=True, with_for_update=True)
    db.session.refresh(attempt)
    if attempt.state is AttemptState.ACCEPTED:
        if not adapter.says_it_goes_on(body):
            stages.move(stage, {StageState.SUBMITTED}, due_at=now)
    elif attempt.state in AttemptState.unended():
        attempt.hinted_job_id = adapter.job_id_in(body) or attempt.hinted_job_id
        db.session.flush()
        if attempt.state is AttemptState.UNCERTAIN and attempt.hinted_job_id:
            stages.move(stage, DOUBTFUL, state=StageState.UNCERTAIN, due_at=now)
    db.session.commit()
    return True
