"""One line of JSON per event on standard error, with everything that looks like a key taken out."""

import json
import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from domain.secrets.redaction import redactor
from escaping import escape_controls
from settings import Settings

#: What these say of each message or request is said once by our own events; of sweeps, every few seconds otherwise.
NOISY = ("celery.worker.strategy", "celery.app.trace", "celery.beat", "flask-limiter", "flask_wtf.csrf")
#: Below these levels they write whole addresses, statements or rows.
VERBOSE_LOGGERS = {
    "urllib3": logging.INFO,
    "sqlalchemy": logging.WARNING,
    "oauthlib": logging.INFO,
    "requests_oauthlib": logging.INFO,
    # One line for each request that waits for a thread.
    "waitress.queue": logging.ERROR,
}
#: They bring handlers of their own, which know no secrets.
OWN_HANDLER = (
    "gunicorn.error",
    "gunicorn.access",
    "celery",
    "celery.task",
    "celery.redirected",
    "werkzeug",
    "flask-limiter",
)


def _without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The last processor that sees single values: also of the text of a traceback."""
    return {name: redactor.clean_for_log(value) for name, value in event.items()}


def _as_json(value: Any, **options: Any) -> str:
    """JSON in readable letters; those that a terminal would obey are written out, as somebody reads the log in one."""
    return escape_controls(json.dumps(value, ensure_ascii=False, **options))


def configure_logs(settings: Settings) -> None:
    """Send every log of this process, ours and the libraries', through one formatter, and what crashes as well.

    May be called again.
    """
    redactor.know_environment(settings.secrets(), settings.provider_keys())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(_as_json),
        ],
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.set_name("quatrain")
    root = logging.getLogger()
    root.handlers = [handler, *(other for other in root.handlers if other.get_name() != "quatrain")]
    root.setLevel(settings.log_level)
    for name, lowest in VERBOSE_LOGGERS.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level) if root.level > logging.DEBUG else root.level)
    for name in OWN_HANDLER:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_crash_of_thread


def _log_crash(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """In place of Python's own: a traceback may quote a secret, and only logs are free of them."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, fault, trace)
        return
    structlog.get_logger(__name__).critical("process crashed", exc_info=(kind, fault, trace))


def _log_crash_of_thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None and not issubclass(crash.exc_type, SystemExit):
        exc_info = (crash.exc_type, crash.exc_value, crash.exc_traceback)
        structlog.get_logger(__name__).critical("thread crashed", exc_info=exc_info)
