"""Ends for what Apprise asks its services: it bounds the wait for each byte, so one that drips would hold a thread.

Its services call the functions of ``requests`` and the classes of ``smtplib``: they are given these instead. The few
that speak something else (XMPP, MQTT, Nostr, syslog, IRC, APRS) keep what Apprise gives them.
"""

import smtplib
import sys
import threading
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import requests

from providers.http.deadline import DeadlineAdapter

#: All that is said to a mail server, from the greeting to the end.
MAX_TALK_SECONDS = 30.0


class _Requests:
    """The module ``requests``; the second number of ``timeout`` is for the whole of an answer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            for prefix in ("http://", "https://"):
                session.mount(prefix, DeadlineAdapter())
            return session.request(method, url, **options)

    def get(self, url: str, params: Any = None, **options: Any) -> requests.Response:
        return self.request("get", url, params=params, **options)

    def post(self, url: str, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        return self.request("post", url, data=data, json=json, **options)

    def put(self, url: str, data: Any = None, **options: Any) -> requests.Response:
        return self.request("put", url, data=data, **options)

    def patch(self, url: str, data: Any = None, **options: Any) -> requests.Response:
        return self.request("patch", url, data=data, **options)

    def delete(self, url: str, **options: Any) -> requests.Response:
        return self.request("delete", url, **options)


class _TimedTalk(smtplib.SMTP):
    """Hung up on when it has lasted too long."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._timer = threading.Timer(MAX_TALK_SECONDS, self._hang_up)
        self._timer.daemon = True
        self._timer.start()
        try:
            super().__init__(*arguments, **options)
        except BaseException:
            self._timer.cancel()
            raise

    def close(self) -> None:
        self._timer.cancel()
        super().close()

    def _hang_up(self) -> None:
        # Whoever waits for it reads its end.
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(SHUT_RDWR)


class _TimedTalkOverTLS(_TimedTalk, smtplib.SMTP_SSL):
    """The same over TLS."""


class _Smtplib:
    """The module ``smtplib``."""

    SMTP = _TimedTalk
    SMTP_SSL = _TimedTalkOverTLS

    def __getattr__(self, name: str) -> Any:
        return getattr(smtplib, name)


def give_ends_to(package: str) -> None:
    """Let the modules of ``package`` that are loaded use these instead. Safe twice."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{package}."):
            if vars(module).get("requests") is requests:
                vars(module)["requests"] = _Requests()
            if vars(module).get("smtplib") is smtplib:
                vars(module)["smtplib"] = _Smtplib()
