"""Storing what must not be lost, such as the answer to a paid call, through an outage of the database or the disk."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
import tenacity
from sqlalchemy.exc import InterfaceError, OperationalError

from domain.db import db

log = structlog.get_logger(__name__)

#: Longer than a restart, a failover, or a disk that somebody makes room on.
OUTAGE_SECONDS = 300.0
MAX_PAUSE_SECONDS = 2.0

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def retry_while_storage_down(store: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run ``store`` again, from its beginning, while database or disk is away, locked or full; for five minutes.

    ``store`` must end with its one commit, or with none, take plain values and no rows, and change nothing the second
    time: a commit can have happened although the connection broke before it was confirmed. Raises what the last try
    raised.
    """

    @wraps(store)
    def stored(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((OperationalError, InterfaceError, OSError)),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=MAX_PAUSE_SECONDS),
            stop=tenacity.stop_after_delay(OUTAGE_SECONDS),
            before_sleep=lambda state: _start_over(store.__name__, state),
            reraise=True,
        )
        return retrying(store, *args, **kwargs)

    return stored


def _start_over(what: str, state: tenacity.RetryCallState) -> None:
    db.session.rollback()
    error = state.outcome.exception() if state.outcome else None  # pragma: no mutate  # there is one after each try
    log.warning("not stored, trying again", what=what, attempt=state.attempt_number, error=type(error).__name__)
