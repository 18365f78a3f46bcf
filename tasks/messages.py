"""Telling the workers that there is something to do.

A message is only a nudge: it carries an id or an enum's name, and whatever it is about is committed already. When the
broker is away nothing is lost: the sweep finds the row and sends the message later.
"""

from collections.abc import Iterable

import structlog
from celery import current_app as celery_app
from kombu.exceptions import OperationalError

from domain.orders import Ready
from providers.kinds import StageType
from settings import NO_BROKER

log = structlog.get_logger(__name__)

CHECK_TASK = "tasks.config.validate_and_fetch_models"
POLL_TASK = "tasks.generation.poll_jobs"
SWEEP_TASK = "tasks.recovery.sweep"
GENERATION_TASKS = {stage_type: f"tasks.generation.generate_{stage_type.lower()}" for stage_type in StageType}


def send_check(stage_type: StageType) -> bool:
    """Ask for a check of a section; False when the broker is away, and the sweep will ask instead."""
    return _send(CHECK_TASK, stage_type.value)


def send_stages(stages: Iterable[Ready]) -> bool:
    """Ask for stages to be made; False when the broker is away, and the sweep will ask instead."""
    # all() ends at the first failure: each try against a dead broker costs a time-out.
    return all(_send(GENERATION_TASKS[stage.stage_type], stage.stage_id) for stage in stages)


def send_poll() -> bool:
    """Ask for a look at the jobs that are due, before beat asks for one."""
    return _send(POLL_TASK)


def send_sweep() -> bool:
    """Ask for a look at everything that stands still, before beat asks for one."""
    return _send(SWEEP_TASK)


def _send(task: str, *arguments: int | str) -> bool:
    if celery_app.conf.broker_url == NO_BROKER:
        log.warning("REDIS_URL is not set, message not sent", task=task)
        return False
    try:
        celery_app.send_task(task, args=arguments)
    except (OperationalError, OSError) as error:
        log.warning("broker away, message not sent", task=task, error=type(error).__name__)
        return False
    return True
