"""Redis for who answers a request: whatever is wrong with it, the answer is there within seconds."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 1


def speaks_redis(url: str) -> bool:
    """Whether the broker at ``url`` is a Redis."""
    return url.startswith(("redis://", "rediss://"))


def open_redis(url: str) -> redis.Redis:
    """A client, to be closed; raises ``redis.RedisError`` when used, after a second at the most, and tries once."""
    limits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
