"""How an emulated provider calls back: JSON to an address of this machine, and to no other."""

import ipaddress
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests


@dataclass(frozen=True)
class Callback:
    """One attempt to call back. ``status`` is what was answered, None where nothing was."""

    job_id: str
    event: str
    status: int | None
    at: float


class Courier:
    """Calls back, tries again where that fails, and remembers each attempt in ``sent``.

    ``tries``: how often at most. ``pause_seconds``: between two of them. ``answer_seconds``: how long it waits for an
    answer. ``copies``: how often a delivery that was accepted is made, to play a provider that repeats itself.
    """

    def __init__(self, closing: threading.Event) -> None:
        self.tries = 4
        self.pause_seconds = 0.05
        self.answer_seconds = 5.0
        self.copies = 1
        self._closing = closing
        self._lock = threading.Lock()
        self._sent: list[Callback] = []

    @property
    def sent(self) -> list[Callback]:
        """A copy of all attempts so far, oldest first."""
        with self._lock:
            return list(self._sent)

    def deliver(self, job_id: str, event: str, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Post ``body`` until it is accepted with 200 (or any 2xx); False when that never happened."""
        for attempt in range(self.tries):
            if attempt and self._closing.wait(self.pause_seconds):
                return False
            if self._post(job_id, event, url, body, headers):
                for _ in range(self.copies - 1):
                    self._post(job_id, event, url, body, headers)
                return True
        return False

    def _post(self, job_id: str, event: str, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        status = None
        try:
            with requests.Session() as session:
                session.trust_env = False
                with session.post(
                    url,
                    data=body,
                    headers={"Content-Type": "application/json", **headers},
                    timeout=self.answer_seconds,
                    allow_redirects=False,
                ) as response:
                    status = response.status_code
        except (requests.RequestException, OSError):
            pass
        with self._lock:
            self._sent.append(Callback(job_id, event, status, time.time()))
        return status is not None and 200 <= status < 300


def is_here(url: str) -> bool:
    """Whether ``url`` leads to this machine by number or by the name localhost."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
