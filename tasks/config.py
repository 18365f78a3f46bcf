"""Checking sections and keeping their lists fresh."""

from celery import shared_task

from domain import checks
from domain.db import utc_now
from providers.kinds import StageType
from tasks.messages import send_check, send_stages


@shared_task(name="tasks.config.validate_and_fetch_models")
def validate_and_fetch_models(stage_type: str) -> None:
    """Check one section's key and fetch its models; then let go on what waited for it."""
    send_stages(checks.check(StageType(stage_type)))


@shared_task(name="tasks.config.refresh_stale_models")
def refresh_stale_models() -> None:
    """Ask for a check of every section whose list is 24 hours old or older."""
    for stage_type in checks.request_stale_refreshes(utc_now()):
        send_check(stage_type)
