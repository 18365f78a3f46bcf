"""Whether the process is up, and whether it could do its work now. Names no host and no version."""

from collections.abc import Callable
from functools import cache

from flask import Blueprint, Flask, Response, current_app, jsonify
from kombu import Connection
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from domain.db import utc_now
from domain.heartbeats import WORKER, WORKER_SILENCE, last_seen
from settings import current_settings
from web.redis_client import TIMEOUT_SECONDS, open_redis, speaks_redis

DATABASE_TIMEOUT_SECONDS = 2

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Add the two routes to ``app``."""
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def show_health() -> Response:
    """The process answers; touches nothing."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def show_readiness() -> tuple[Response, int]:
    """200 when database and broker answer and a worker was at work within the last minute, else 503."""
    database = _holds(_ask_database)
    checks = {
        "database": database,
        "broker": _holds(_ask_broker),
        # The heartbeat is a row: without a database nobody can tell.
        "worker": database and _holds(_ask_for_a_worker),
    }
    ready = all(checks.values())
    words = {name: "ok" if holds else "failed" for name, holds in checks.items()}
    return jsonify(status="ok" if ready else "failed", checks=words), 200 if ready else 503


@blueprint.after_request
def keep_out_of_caches(response: Response) -> Response:
    """An answer is true for its moment only."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _holds(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001  # a driver may fail in any way; all of them mean no
        facts = {"check": ask.__name__.removeprefix("_ask_"), "error": type(error).__name__}
        current_app.logger.warning("not ready", extra=facts)
        return False


def _ask_database() -> bool:
    """A connection of its own: one of the pool may hang for minutes in a read that has no time limit."""
    with _engine(current_settings().database_url).connect() as connection:
        return connection.execute(text("SELECT 1 FROM alembic_version")).first() is not None


@cache
def _engine(database_url: str) -> Engine:
    limits: dict[str, object] = {"timeout": DATABASE_TIMEOUT_SECONDS}
    if make_url(database_url).get_backend_name() == "postgresql":
        limit_ms = DATABASE_TIMEOUT_SECONDS * 1000
        limits = {"connect_timeout": DATABASE_TIMEOUT_SECONDS, "options": f"-c statement_timeout={limit_ms}"}
    return create_engine(database_url, poolclass=NullPool, connect_args=limits)


def _ask_broker() -> bool:
    url = current_settings().broker
    if not url:
        return False
    if speaks_redis(url):
        with open_redis(url) as client:
            return bool(client.ping())
    limits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    with Connection(url, connect_timeout=TIMEOUT_SECONDS, transport_options=limits) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=TIMEOUT_SECONDS)
        return True


def _ask_for_a_worker() -> bool:
    seen = last_seen(WORKER)
    return seen is not None and utc_now() - seen < WORKER_SILENCE
