"""Checking sections and keeping their lists fresh."""

from datetime import timedelta

from domain import heartbeats
from domain.db import db, utc_now
from domain.provider_configs import checks
from providers.kinds import StageType
from tasks.messages import REFRESH_TASK, send_check, send_stages
from tasks.registration import task


@task(name="tasks.config.validate_and_fetch_models")
def validate_and_fetch_models(stage_type: str) -> None:
    """Check one section's key and fetch its models; then let go on what waited for it."""
    send_stages(checks.check(StageType(stage_type)))


@task(name=REFRESH_TASK)
def refresh_stale_models(every: float | None = None) -> None:
    """Ask for a check of every section whose list is 24 hours old or older.

    ``every``, in seconds, is given by beats: of all of them, one is heard in each such span.
    """
    # The claim is committed together with the work: an hour whose worker died is asked for again.
    if every is not None and not heartbeats.claim_interval(REFRESH_TASK, timedelta(seconds=every), utc_now()):
        db.session.rollback()
        return
    for stage_type in checks.request_stale_refreshes(utc_now()):
        send_check(stage_type)
