"""How long a provider asks us to wait, in whichever of the usual ways it says so."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MIN_SECONDS = 1.0
MAX_SECONDS = 3600.0
#: In characters, as it is written.
MAX_DURATION = 100

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_DURATION_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_WORDS = re.compile(r"try again in ((?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+)", re.IGNORECASE)


def seconds_to_wait(status: int, headers: Mapping[str, str], text: str) -> float | None:
    """Seconds, between 1 and 3600, or None where nothing that we can read is said. ``headers`` ignores case.

    In this order: ``retry-after-ms``, ``Retry-After`` (seconds or an HTTP date); for a 429 also ``x-ratelimit-reset-*``
    (durations such as ``6m0s`` or ``12ms``), "Please try again in 3.89s" in ``text``.
    """
    seconds = _milliseconds(headers.get("retry-after-ms", ""))
    if seconds is None:
        seconds = _seconds_or_date(headers.get("retry-after", ""))
    if seconds is None and status == 429:
        seconds = _reset_of_the_used_up(headers)
    if seconds is None and status == 429 and (said := _IN_WORDS.search(text)):
        seconds = _duration(said[1])
    return _within_bounds(seconds)


def seconds_of(duration: object) -> float | None:
    """``19.42s``, as some say in the body: seconds, between 1 and 3600, or None for what is no duration."""
    return _within_bounds(_duration(duration)) if isinstance(duration, str) else None


def _within_bounds(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, MIN_SECONDS), MAX_SECONDS)


def _milliseconds(value: str) -> float | None:
    return float(value) / 1000 if _NUMBER.fullmatch(value.strip()) else None


def _seconds_or_date(value: str) -> float | None:
    value = value.strip()
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _duration(value: str) -> float | None:
    """``6m0s`` -> 360.0. None for anything that is not a duration from end to end."""
    parts = _DURATION_PART.findall(value) if len(value) <= MAX_DURATION else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return float(sum(float(number) * _SECONDS_OF[unit] for number, unit in parts))


def _reset_of_the_used_up(headers: Mapping[str, str]) -> float | None:
    """The longest ``x-ratelimit-reset-*``, of those limits that are used up if we can tell which."""
    waits = {what: _duration(headers.get(f"x-ratelimit-reset-{what}", "").strip()) for what in ("requests", "tokens")}
    known = {what: wait for what, wait in waits.items() if wait is not None}
    used_up = [wait for what, wait in known.items() if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"]
    return max(used_up or known.values(), default=None)
