"""One line of JSON per event on standard error, with everything that looks like a key taken out."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor

from settings import FALLBACK_KEYS, Settings

HIDDEN = "***"
#: A shorter value would blank innocent words wherever they stand.
SHORTEST_KNOWN_VALUE = 8
#: What these say of each message is said once by our own events, every few seconds for each sweep otherwise.
CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.beat")
SHAPES = re.compile(
    r"(?i:\b(?:bearer|api-key)\s+)[\w.~+/=-]{8,}"
    r"|\bAIza[\w-]{20,}|\bsk-[\w-]{8,}|\bAQVN[\w-]{20,}|\bqt_[\w-]{20,}"
    r"|(?i:(?<=[?&]key=)|(?<=[?&]api_key=))[^&\s\"']+"
)


class Redactor:
    """Takes keys out of an event: the values that this process knows, and whatever has the shape of one."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {form for value in values if len(value) >= SHORTEST_KNOWN_VALUE for form in (value, quote(value, ""))}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """Processor of structlog."""
        return {name: self.clean(value) for name, value in event.items()}

    def clean(self, value: Any) -> Any:
        """``value`` without keys; anything but plain numbers and flags becomes text first."""
        if isinstance(value, bool | int | float | None):
            return value
        text = str(value)
        if self._known:
            text = self._known.sub(HIDDEN, text)
        return SHAPES.sub(HIDDEN, text)


def configure_logs(settings: Settings) -> None:
    """Send every log of this process, ours and the libraries', through one formatter. May be called again."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(_secrets_of(settings)),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
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
    # Below INFO urllib3 writes whole addresses.
    logging.getLogger("urllib3").setLevel(max(logging.INFO, root.level))
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level) if root.level > logging.DEBUG else root.level)


def _secrets_of(settings: Settings) -> list[str]:
    secrets = [settings.admin_secret_key, settings.secret_key, settings.admin_password, settings.metrics_token]
    secrets += [*settings.admin_secret_key_previous, *(getattr(settings, name) for name in FALLBACK_KEYS.values())]
    return [secret.get_secret_value() for secret in secrets if secret is not None]
