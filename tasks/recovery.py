"""The pulse that keeps everything moving, whatever became of messages."""

from datetime import timedelta

from celery.signals import worker_ready

from domain import heartbeats
from domain.db import db, utc_now
from domain.maintenance import sweep as maintenance_sweep
from domain.orders import erasure
from tasks.messages import SWEEP_TASK, send_check, send_stages, send_sweep, waiting_stages
from tasks.pace import release_at
from tasks.registration import task


@task(name=SWEEP_TASK)
def sweep(every: float | None = None) -> None:
    """Move on what stands still, send again what was not heard, and go on with what is being erased.

    ``every``, in seconds, is given by beats: of all of them, one is heard in each such span.
    """
    if every is not None:
        claimed = heartbeats.claim_interval(SWEEP_TASK, timedelta(seconds=every), utc_now())
        db.session.commit()
        if not claimed:
            return
    found = maintenance_sweep.sweep(utc_now(), waiting_stages())
    send_stages(found.stages)
    for stage_type in found.checks:
        send_check(stage_type)
    if found.again_at is not None:
        release_at(found.again_at)
    # Last, as nobody's work waits for it.
    erasure.request_old(utc_now())
    erasure.go_on(utc_now())


def sweep_at_once(**_: object) -> None:
    """A worker that comes up looks at once for what stood still while it was away, and shows that it is there."""
    send_sweep()


worker_ready.connect(sweep_at_once)
