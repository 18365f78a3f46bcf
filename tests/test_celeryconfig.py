"""What Celery is told agrees with the Procfile and with the names of the tasks."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.beat import Scheduler
from celery.signals import celeryd_init

import celeryconfig
from tasks import TASK_MODULES
from tests.stopped_clock import stopped_clock

ROOT = Path(__file__).parent.parent


@pytest.fixture
def celery_app() -> Celery:
    app = Celery(set_as_current=False, include=TASK_MODULES)
    app.config_from_object("celeryconfig")
    return app


def _queue_of(app: Celery, task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("tasks.config.validate_and_fetch_models", "control"),
        ("tasks.config.refresh_stale_models", "control"),
        ("tasks.recovery.sweep", "control"),
        ("tasks.generation.generate_poem", "generation"),
        ("tasks.generation.generate_clip", "generation"),
    ],
)
def test_each_task_goes_to_its_queue(task: str, queue: str, celery_app: Celery) -> None:
    assert _queue_of(celery_app, task) == queue


def test_the_worker_of_the_procfile_serves_every_queue_the_urgent_one_first(celery_app: Celery) -> None:
    line = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("worker:"))

    served = re.search(r"--queues (\S+)", line)

    assert served is not None
    assert served[1].split(",") == list(celery_app.amqp.queues) == ["control", "generation"]
    assert celeryconfig.WORKER_OPTIONS["queue_order_strategy"] == "priority"


def test_the_beat_sends_only_tasks_that_exist_and_lets_them_expire(celery_app: Celery) -> None:
    celery_app.loader.import_default_modules()

    for entry in celeryconfig.beat_schedule.values():
        assert entry["task"] in celery_app.tasks
        assert entry["options"]["expires"] >= entry["schedule"]


def test_a_beat_that_starts_sends_everything_at_once_and_then_in_its_time(celery_app: Celery) -> None:
    with stopped_clock():
        entries = dict(Scheduler(celery_app).schedule or {}).values()

        assert {entry.task for entry in entries} == {entry["task"] for entry in celeryconfig.beat_schedule.values()}
        assert all(entry.is_due().is_due for entry in entries)
        assert not any(next(entry).is_due().is_due for entry in entries)


def test_a_worker_waits_longer_for_redis_than_a_page_does() -> None:
    class Conf:
        broker_transport_options: dict[str, Any] = celeryconfig.PUBLISHER_OPTIONS

    conf = Conf()
    celeryd_init.send(sender="worker", conf=conf)

    assert conf.broker_transport_options["socket_timeout"] == 10
    assert celeryconfig.broker_transport_options["socket_timeout"] == 1
    assert celeryconfig.broker_transport_options["ack_emulation"] is False
    assert conf.broker_transport_options["ack_emulation"] is False


def test_another_broker_is_told_nothing_that_only_redis_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://host//")

    values = runpy.run_path(str(ROOT / "celeryconfig.py"))

    assert (values["broker_url"], values["broker_transport_options"]) == ("amqp://host//", {})
    of_a_worker = SimpleNamespace(broker_transport_options={})
    values["be_patient_as_a_worker"](of_a_worker)
    assert of_a_worker.broker_transport_options == {}


def test_without_a_broker_it_loads_and_only_sending_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    app = Celery(set_as_current=False)
    app.conf.update(broker_url=runpy.run_path(str(ROOT / "celeryconfig.py"))["broker_url"])

    with pytest.raises(KeyError, match="redis-url-is-not-set"):
        app.send_task("tasks.recovery.sweep")
