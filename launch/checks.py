"""What must hold before anything is started; each fault is one sentence that says what to do."""

import errno
import os
import socket
import tempfile
from pathlib import Path

import redis
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from domain.media.bucket import MediaBucket, MediaStoreAway
from domain.media.store import media_store_of
from domain.monitoring import alert_targets
from settings import Settings, SettingsFault

PATIENCE_SECONDS = 5


class StartFault(Exception):
    """Quatrain cannot start; the text is one sentence, or one per line, without any secret."""


def read_settings() -> Settings:
    """The settings of this environment. Raises ``StartFault`` that lists what is wrong with it."""
    try:
        return Settings.from_env()
    except SettingsFault as fault:
        raise StartFault(str(fault)) from None


def check_folder(folder: Path) -> None:
    """Make ``folder`` and write into it. Raises ``StartFault``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"1")
    except OSError as fault:
        raise StartFault(
            f"The folder {folder} cannot be written ({_reason(fault)}); set VAR_DIR to one that can."
        ) from None


def check_port(host: str, port: int) -> None:
    """Raises ``StartFault`` when nobody can listen on ``host:port``, or somebody does already."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            # As gunicorn does, so that the last connections of an earlier run do not count as a listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            sentence = f"Port {port} of {host} is taken; stop what listens there or set PORT to another."
        else:
            sentence = f"The server cannot listen on {host}:{port} ({_reason(fault)}); set HOST or PORT to another."
        raise StartFault(sentence) from None


def check_database(database_url: str) -> None:
    """Connect and write something that is taken back. Raises ``StartFault``."""
    try:
        url = make_url(database_url)
        engine = create_engine(url, connect_args=_limits(url))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        # Its text is not passed on: a mistyped address may hold the password anywhere.
        raise StartFault(
            "DATABASE_URL is not an address of SQLite or PostgreSQL; write postgresql://user:password@host/database."
        ) from None
    try:
        with engine.connect() as connection, connection.begin() as attempt:
            if url.get_backend_name() == "sqlite":
                # Python's sqlite3 opens no transaction for DDL: the table would stay.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(text("CREATE TABLE start_probe (n INTEGER)"))
            attempt.rollback()
    except SQLAlchemyError as fault:
        where = url.render_as_string(hide_password=True)
        raise StartFault(
            f"The database {where} cannot be written ({_first_line(fault)}); check DATABASE_URL and VAR_DIR."
        ) from None
    finally:
        engine.dispose()


def check_redis(redis_url: str) -> None:
    """Raises ``StartFault`` when the Redis of ``redis_url`` does not answer."""
    try:
        with redis.Redis.from_url(
            redis_url,
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as broker:
            broker.ping()
    except (redis.RedisError, ValueError, OSError) as fault:
        reason = "it is not like redis://host:6379/0" if isinstance(fault, ValueError) else _first_line(fault)
        raise StartFault(
            f"The Redis of REDIS_URL does not answer ({reason}); start it, or leave REDIS_URL empty to use our own."
        ) from None


def check_broker(broker_url: str) -> None:
    """Raises ``StartFault`` when the broker of ``broker_url`` does not answer."""
    try:
        with Connection(broker_url, connect_timeout=PATIENCE_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE_SECONDS)
    except Exception as fault:  # noqa: BLE001  # each transport has errors of its own
        # What is said of a URL that cannot be read may quote a part of its password.
        told = isinstance(fault, OSError | OperationalError)
        reason = _first_line(fault) if told else "it is not like amqp://user:password@host:5672//"
        raise StartFault(
            f"The broker of BROKER_URL does not answer ({reason}); start it, or leave BROKER_URL empty."
        ) from None


def check_media(settings: Settings) -> None:
    """Raises ``StartFault`` when the bucket of MEDIA_URL does not take a file."""
    store = media_store_of(settings)
    try:
        if isinstance(store, MediaBucket):
            store.probe()
    except MediaStoreAway as away:
        raise StartFault(
            f"The bucket of MEDIA_URL takes no files ({away}); check MEDIA_URL and the AWS_ variables."
        ) from None


def check_alerts(settings: Settings) -> None:
    """Raises ``StartFault`` when an address of ALERT_URLS cannot be used; nothing is sent."""
    if complaint := alert_targets.complaint(settings.alert_urls):
        raise StartFault(complaint)


def _limits(url: URL) -> dict[str, object]:
    return {"timeout" if url.get_backend_name() == "sqlite" else "connect_timeout": PATIENCE_SECONDS}


def _reason(fault: OSError) -> str:
    return os.strerror(fault.errno) if fault.errno and fault.errno > 0 else str(fault.strerror or fault)


def _first_line(fault: Exception) -> str:
    """What the driver says, without the statement that SQLAlchemy adds."""
    return str(getattr(fault, "orig", None) or fault).strip().partition("\n")[0]
