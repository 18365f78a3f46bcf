"""Connections to the broker that come back soon after it does."""

from typing import Any, Self

from celery.app.amqp import AMQP
from kombu import Connection

#: Celery's own pauses grow by 2 s up to 30, and cannot be set: a worker would sleep on when Redis is back.
RETRY_SECONDS = 2


class PromptConnection(Connection):
    """Tries a lost broker again at an even pace."""

    def ensure_connection(self, *args: Any, **options: Any) -> Self:
        """As kombu's, with pauses of ``RETRY_SECONDS`` unless the caller names others."""
        pauses = {"interval_start": RETRY_SECONDS, "interval_step": 0, "interval_max": RETRY_SECONDS}
        super().ensure_connection(*args, **pauses | options)  # type: ignore[no-untyped-call]  # kombu has no types here
        return self


class PromptAMQP(AMQP):
    """What a Celery application makes its connections with."""

    Connection = PromptConnection
