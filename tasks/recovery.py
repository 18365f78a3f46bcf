"""The pulse that keeps everything moving, whatever became of messages."""

from celery import shared_task
from celery.signals import worker_ready

from domain import recovery
from domain.db import utc_now
from tasks.messages import send_check, send_stages, send_sweep


@shared_task(name="tasks.recovery.sweep")
def sweep() -> None:
    """Move on what stands still and send again what was not heard."""
    found = recovery.sweep(utc_now())
    send_stages(found.stages)
    for stage_type in found.checks:
        send_check(stage_type)


@worker_ready.connect
def sweep_at_once(**_: object) -> None:
    """A worker that comes up looks at once for what stood still while it was away, and shows that it is there."""
    send_sweep()
