"""Celery at the door: thin tasks with explicit names that call one function of the domain."""

from collections.abc import Callable

from celery import Celery, Task
from flask import Flask, has_app_context

from tasks.alerts import watch_from_beat
from tasks.pulse import pulse_of

TASK_MODULES = ("tasks.alerts", "tasks.config", "tasks.generation", "tasks.recovery")


def celery_init_app(app: Flask) -> Celery:
    """Give ``app`` a Celery application whose tasks run inside its context; reads ``celeryconfig.py``.

    ``app.config["CELERY"]`` overrides single values.
    """

    class FlaskTask(Task):
        run: Callable[..., object]  # the function itself

        def __call__(self, *args: object, **kwargs: object) -> object:
            # A test that calls a task has a context already: a second one would be a second database session.
            if has_app_context():
                return self.run(*args, **kwargs)
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask, amqp="tasks.broker_connection:PromptAMQP", include=TASK_MODULES)
    celery_app.config_from_object("celeryconfig")
    celery_app.conf.update(app.config.get("CELERY", {}))
    celery_app.steps["worker"].add(pulse_of(app))
    celery_app.steps["worker"].add("tasks.watchdog:Watchdog")  # by its name: only workers import what it needs
    watch_from_beat(app)
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app
