"""One line in the log for everybody who could not show that he may: who, where from, what for, and never what he sent.

A line each: whoever sends a thousand requests writes a thousand lines of some 200 bytes, no more than a server before
us writes anyway.
"""

import structlog
from flask import request

from web.auth.rate_limits import address_of_caller

log = structlog.get_logger(__name__)

MAX_PATH_LENGTH = 200


def log_refusal(what: str, why: str, **who: object) -> None:
    """Note that ``what`` was refused and ``why``: both are words of ours. ``who``: names that we know, if any."""
    log.warning("authentication refused", what=what, why=why, **who, **where_from())


def where_from() -> dict[str, str]:
    """The address of the caller as the limits know it, and what was asked for."""
    return {"address": address_of_caller(), "method": request.method, "path": asked_path()}


def asked_path() -> str:
    """What was asked for, without the query; of an address that is a secret itself only its pattern."""
    if request.url_rule is not None and "token" in (request.view_args or {}):
        return request.url_rule.rule
    return request.path[:MAX_PATH_LENGTH]
