"""Fixtures for whatever talks to the web application."""

import pytest
from celery import Celery


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that refuses connections, as a Redis that is down does."""
    away = Celery("away", set_as_current=False)
    away.config_from_object("celeryconfig")
    away.conf.broker_url = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("tasks.messages.celery_app", away)
