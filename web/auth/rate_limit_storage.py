"""Where failures are counted: in Redis for all web processes, and in each process for when Redis is away."""

import time
from typing import Any

import redis
import structlog
from limits.storage import MemoryStorage, RedisStorage, Storage
from redis.backoff import NoBackoff
from redis.retry import Retry

from web.redis_client import TIMEOUT_SECONDS

log = structlog.get_logger(__name__)

KEY_PREFIX = "quatrain:limits"
#: So long nobody asks a Redis that did not answer: only one request in it waits ``TIMEOUT_SECONDS``.
PAUSE_SECONDS = 5


class SteadyStorage(Storage):
    """Counters that are always there: of Redis and of this process the larger one counts.

    So a limit that holds goes on holding when Redis is killed, frozen or emptied, as far as this process has seen the
    failures; several web processes then count each for itself. Flask-Limiter's own in-memory fallback begins with
    nothing, and fails a request that waits for Redis beside the one that finds it away.
    """

    STORAGE_SCHEME = ["quatrain"]  # noqa: RUF012  # as the library declares it

    def __init__(self, uri: str, *, redis_url: str = "", **_: object) -> None:
        super().__init__(uri)
        self._own = MemoryStorage()
        self._shared = open_shared(redis_url) if redis_url else None
        self._ask_again_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong here: nothing that anybody would have to know."""
        return redis.RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return the count; its first one begins a span of ``expiry`` seconds."""
        own = self._own.incr(key, expiry, amount)
        return max(own, int(self._ask("incr", key, expiry, amount) or 0))

    def get(self, key: str) -> int:
        """The count."""
        return max(self._own.get(key), int(self._ask("get", key) or 0))

    def get_expiry(self, key: str) -> float:
        """When the span ends, in seconds since 1970."""
        return max(self._own.get_expiry(key), self._ask("get_expiry", key) or 0)

    def check(self) -> bool:
        """Whether it can count: always."""
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        self._ask("reset")
        return self._own.reset()

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._ask("clear", key)
        self._own.clear(key)

    def _ask(self, operation: str, *arguments: object) -> float | None:
        """The answer of Redis; None while it gives none."""
        if self._shared is None or time.monotonic() < self._ask_again_at:
            return None
        try:
            answer: float | None = getattr(self._shared, operation)(*arguments)
        except redis.RedisError as error:
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS
            log.warning("failures are counted by each web process for itself", error=type(error).__name__)
            return None
        return answer


def open_shared(redis_url: str) -> RedisStorage:
    """The counters in Redis. Connects when used, and raises ``redis.RedisError`` after a second at the most."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    return RedisStorage(redis_url, key_prefix=KEY_PREFIX, **options)
