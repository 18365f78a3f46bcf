"""What a brief can ask the DUMMY provider to do instead of working; ``providers.dummy.adapter`` lists the words."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

from providers import errors
from providers.base import Brief
from providers.kinds import ProviderKind, StageType

DETAIL = "asked for by the brief"
SLOW_SECONDS = 20.0
MAX_WAIT_SECONDS = 100.0

FAILURES: dict[str, type[errors.ProviderError]] = {
    "unavailable": errors.Unavailable,
    "rejected": errors.KeyRejected,
    "no-permission": errors.PermissionMissing,
    "no-credit": errors.CreditExhausted,
    "region": errors.RegionRefused,
    "rate-limited": errors.RateLimited,
    "blocked": errors.ContentBlocked,
    "refused": errors.RequestRefused,
    "unreadable": errors.InvalidResponse,
}
# A word in front of the "!" makes it the end of a sentence, not a marker.
MARKER = re.compile(
    rf"(?<!\w)!(?:(?P<failure>{'|'.join(FAILURES)})(?![\w-])(?:@(?P<where>\w+))?"
    r"|slow(?![\w-])(?:@(?P<slow_where>\w+))?(?:[ \t]+(?P<seconds>\d+(?:\.\d+)?)(?!\w))?)",
    re.IGNORECASE,
)


def apply_markers(brief: Brief, stage_type: StageType) -> None:
    """Wait for as long as the brief says, then raise the first failure that it names for ``stage_type``.

    Returns at once for a brief without markers. Waits in real time, at most ``MAX_WAIT_SECONDS``.
    """
    markers = list(_markers_for(brief, stage_type))
    seconds = max((_seconds(marker) for marker in markers if not marker["failure"]), default=0.0)
    if seconds:
        time.sleep(seconds)
    for marker in markers:
        if marker["failure"]:
            raise FAILURES[marker["failure"].lower()](ProviderKind.DUMMY, DETAIL)


def without_markers(brief: Brief) -> Brief:
    """The brief as if no marker had been written, so that none gets into a work."""
    return replace(
        brief,
        recipient=MARKER.sub("", brief.recipient),
        occasion=MARKER.sub("", brief.occasion),
        details=MARKER.sub("", brief.details),
    )


def _markers_for(brief: Brief, stage_type: StageType) -> Iterator[re.Match[str]]:
    for marker in MARKER.finditer("\n".join((brief.recipient, brief.occasion, brief.details))):
        where = marker["where"] or marker["slow_where"]
        if where is None or where.upper() == stage_type:
            yield marker


def _seconds(marker: re.Match[str]) -> float:
    return min(float(marker["seconds"] or SLOW_SECONDS), MAX_WAIT_SECONDS)
