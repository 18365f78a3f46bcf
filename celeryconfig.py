"""What Celery is told: broker, queues, shutdown, beat. A comment on each value that is not the default.

Redis carries hints only: the rows are the truth and the sweep repairs what Redis or a dying worker loses. Figures
below were measured with Celery 5.7.0 and kombu 5.7.0, whose behaviour here changes between minor versions.
"""

from datetime import UTC, datetime
from typing import Any

from celery.signals import celeryd_init
from kombu import Exchange, Queue

from settings import NO_BROKER, Settings

_settings = Settings.from_env(signs=False)

# --- broker ---------------------------------------------------------------------------------------------------------
# Commands that send no message (`flask prepare`) start without one; tasks/messages.py says so to those that do.
broker_url = _settings.broker or NO_BROKER
broker_connection_retry_on_startup = True  # a Redis that starts after us is waited for; unset, Celery warns
broker_connection_max_retries = None  # the default gives up after 100 tries and ends the worker

# Whoever publishes holds up a page or a row: better an error after a second than a wait. The sweep sends it again.
PUBLISHER_OPTIONS: dict[str, Any] = {
    # No unacked hash, no visibility timeout, no redelivery. With it on, every second kill -9 of Redis ended the
    # workers or left them deaf; with it off none of 310 did, and a message costs 2 Redis commands instead of 10.
    "ack_emulation": False,
    "socket_timeout": 1,  # seconds; the default is none, and a frozen Redis would hold a request for ever
    "socket_connect_timeout": 1,  # seconds
    "socket_keepalive": True,
    "max_connections": 64,  # the default of 10 is fewer than the threads that publish
}
WORKER_OPTIONS: dict[str, Any] = PUBLISHER_OPTIONS | {
    "socket_timeout": 10,  # seconds; must outlast the blocking read, and nobody looks at a page meanwhile
    "socket_connect_timeout": 3,  # seconds
    "health_check_interval": 10,  # seconds; a half-open connection is noticed in about 20 instead of 51
    "queue_order_strategy": "priority",  # in the order of --queues: `control` is asked before `generation`
}
# Another broker (BROKER_URL) knows none of them.
IS_REDIS = not _settings.broker_url or broker_url.startswith(("redis://", "rediss://"))
broker_transport_options = PUBLISHER_OPTIONS if IS_REDIS else {}


def be_patient_as_a_worker(conf: Any, **_: object) -> None:
    """Give a worker its own time limits on Redis; web, beat and commands keep those of a publisher."""
    if IS_REDIS:
        conf.broker_transport_options = WORKER_OPTIONS


celeryd_init.connect(be_patient_as_a_worker)


# --- publishing -----------------------------------------------------------------------------------------------------
# No second try by Celery: it would wait for a frozen Redis again. tasks/messages.py knows when one is worth it.
task_publish_retry_policy = {"max_retries": 0}
# Routed by the NAME of the queue alone: a message to an exchange is dropped in silence once FLUSHALL took its binding.
# Both are named here so that a worker started by hand without --queues serves both, in this order.
task_queues = [Queue(name, Exchange(name), routing_key=name) for name in ("control", "generation")]
task_default_queue = "control"
task_routes = {
    # Looks at running jobs are short and must not stand behind generations; an exact name goes before a pattern.
    "tasks.generation.poll_jobs": {"queue": "control"},
    "tasks.alerts.*": {"queue": "control"},
    "tasks.config.*": {"queue": "control"},
    "tasks.recovery.*": {"queue": "control"},
    "tasks.generation.*": {"queue": "generation"},
}
task_serializer = "json"
accept_content = ["json"]  # arguments are ids and names of enums
task_ignore_result = True  # and no result backend: state lives in our tables

# --- execution ------------------------------------------------------------------------------------------------------
# A task waits for a provider's network nearly all its time, so threads: prefork would cost some 80 MB for each waiting
# call, gevent would need every driver patched. What threads lack: Celery has no time limits for them, so every HTTP
# call of ours carries its own total deadline; and a kill -9 strikes all calls in flight, which costs hints only, the
# rows repair it.
worker_pool = "tasks.thread_pool:EagerThreadPool"
worker_concurrency = _settings.worker_threads
# Ask Redis only while a thread is free. Otherwise as many messages again wait inside the worker, `control` ones behind
# `generation` ones, and are lost with it.
worker_disable_prefetch = IS_REDIS  # others do not know it
worker_prefetch_multiplier = 1  # the same for a worker that is started with another broker
worker_cancel_long_running_tasks_on_connection_loss = False  # said aloud, 6.0 flips it: a paid call outlives the broker
worker_hijack_root_logger = False  # our logging is set up already
worker_send_task_events = False
watchdog_seconds = _settings.watchdog_seconds  # our own, for tasks/watchdog.py
# SIGTERM (the platform, `make run`) stops taking messages and lets running calls end. Who sent it decides how long that
# may take; a call that is then cut off by kill -9 is found again by its lease. worker_soft_shutdown_timeout and
# REMAP_SIGTERM=SIGQUIT stay unset: with threads they pause in full and then fail, as threads cannot be cancelled.

# --- beat: only a pulse ---------------------------------------------------------------------------------------------
# Each message is level-triggered: it looks for what is due, so a lost or doubled one does no harm. `expires` is in
# seconds: an outage leaves no pile. Several beats may run: what they send is claimed in the database once in each
# `every` seconds (domain/heartbeats.py), which also outlives them; so a beat keeps nothing, and asks each minute for
# what is due each hour.
beat_scheduler = "tasks.beat:SteadyScheduler"  # in memory; the default keeps a file, and a clock set back stops it
beat_max_loop_interval = 5  # seconds; the default of 300 would sleep through a clock that was set
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def _tick(task: str, every: float) -> dict[str, Any]:
    schedule = min(every, 60)
    return {
        "task": task,
        "schedule": schedule,
        "last_run_at": LONG_AGO,  # due as soon as a beat starts; the default adds a whole interval to each deploy
        "kwargs": {"every": every},
        "options": {"expires": max(2 * schedule, 10)},
    }


beat_schedule: dict[str, Any] = {
    "sweep": _tick("tasks.recovery.sweep", _settings.sweep_interval_seconds),
    "poll-jobs": _tick("tasks.generation.poll_jobs", _settings.poll_interval_seconds),
    "notice-alerts": _tick("tasks.alerts.notice", _settings.alerts_interval_seconds),
    "refresh-stale-models": _tick("tasks.config.refresh_stale_models", _settings.refresh_interval_seconds),
}
