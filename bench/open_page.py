"""A page that keeps itself up to date, asked for as web/static/live.js asks in a browser that shows it."""

import re
import time
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

from tests.http_session import Browser

SCRIPT = (Path(__file__).parent.parent / "web" / "static" / "live.js").read_text()
MAX_SECONDS = 60.0


def _seconds_of(name: str) -> list[float]:
    found = re.search(rf"^const {name} = \[?([0-9, ]+)\]?;", SCRIPT, re.MULTILINE)
    assert found is not None, f"live.js no longer has {name}"
    return [int(number) / 1000 for number in found[1].split(",")]


#: Seconds that the script waits before it asks, on a page that was just opened, and on one that is open for a while.
FIRST_PAUSES = _seconds_of("FIRST_PAUSES")
[PAUSE] = _seconds_of("PAUSE")


def of_a_new_page() -> Iterable[float]:
    """The script's pauses from the moment at which the page was opened."""
    return chain(FIRST_PAUSES, repeat(PAUSE))


def seen_at(browser: Browser, path: str, sign: str, pauses: Iterable[float]) -> float:
    """When an answer from ``path`` has ``sign`` in it, asked after each pause; in seconds of the monotonic clock."""
    until = time.monotonic() + MAX_SECONDS
    for pause in pauses:
        time.sleep(pause)
        if sign in browser.get(path).text:
            return time.monotonic()
        assert time.monotonic() < until, f"not in {MAX_SECONDS:g} s: {sign} at {path}"
    raise AssertionError(f"asked often enough: {sign} at {path}")
