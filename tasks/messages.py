"""Telling the workers that there is something to do.

A message is only a nudge: it carries an id or an enum's name, and whatever it is about is committed already. When the
broker is away nothing is lost: the sweep finds the row and sends the message later.
"""

import time
from collections.abc import Callable, Iterable

import structlog
from celery import current_app as celery_app
from kombu import Connection
from kombu.exceptions import OperationalError

from domain.orders.models import Ready
from providers.kinds import StageType
from settings import NO_BROKER

log = structlog.get_logger(__name__)

#: An error that takes longer than this was a time-out, and a second one would hold up a page.
AT_ONCE_SECONDS = 0.3

GENERATION_QUEUE = "generation"
CHECK_TASK = "tasks.config.validate_and_fetch_models"
REFRESH_TASK = "tasks.config.refresh_stale_models"
POLL_TASK = "tasks.generation.poll_jobs"
SWEEP_TASK = "tasks.recovery.sweep"
ALERTS_TASK = "tasks.alerts.notice"
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


def send_what_beat_sends() -> bool:
    """Send each message of beat's schedule once."""
    entries = list(celery_app.conf.beat_schedule.values())
    return all(_send(entry["task"], every=entry["kwargs"]["every"]) for entry in entries)


def waiting_stages() -> int:
    """How many messages about stages no worker has taken yet; 0 while the broker is away."""
    # As publishers do: as many may publish at this moment as there are connections.
    with celery_app.pool.acquire(block=True) as connection:
        try:
            return queue_length(connection, GENERATION_QUEUE)
        except (OperationalError, *connection.connection_errors) as error:
            log.warning("broker away, messages not counted", error=type(error).__name__)
            return 0


def queue_length(connection: Connection, queue: str) -> int:
    """How many messages wait in ``queue``; it does not exist in Redis while it is empty.

    Raises kombu's ``OperationalError``, or one of ``connection.connection_errors``, while the broker is away.
    """
    try:
        connection.ensure_connection(max_retries=0)
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0


def _send(task: str, *arguments: int | str, **options: float) -> bool:
    if celery_app.conf.broker_url == NO_BROKER:
        log.warning("neither REDIS_URL nor BROKER_URL is set, message not sent", task=task)
        return False
    try:
        _once_more_if_refused(lambda: celery_app.send_task(task, args=arguments, kwargs=options))
    except (OperationalError, OSError) as error:
        log.warning("broker away, message not sent", task=task, error=type(error).__name__)
        return False
    return True


def _once_more_if_refused(send: Callable[[], object]) -> None:
    """A connection that broke since it was last used fails at once, and a new one may work. A time-out is enough."""
    began = time.monotonic()
    try:
        send()
    except (OperationalError, OSError):
        if time.monotonic() - began > AT_ONCE_SECONDS:
            raise
        send()
