"""The addresses of ``ALERT_URLS``: Telegram, e-mail, Slack and whatever else Apprise understands.

Apprise is imported as the first address is used, since it takes a second and most processes use none. It writes
addresses, and what is asked with them, into its log and its errors: neither leaves this module.
"""

import hashlib
import hmac
import logging
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import SecretStr

from settings import current_settings

_loading = threading.Lock()
#: What each message is headed with, and who sends it.
TITLE = "Quatrain"
UNREADABLE = "Apprise does not understand the address"


@dataclass(frozen=True, slots=True)
class Target:
    """One address, which prints as asterisks. ``number`` counts from 1, as the addresses stand in ``ALERT_URLS``."""

    number: int
    #: What the database knows it by: a digest that tells nobody the address, and changes with it and with SECRET_KEY.
    id: str
    address: SecretStr


def configured() -> list[Target]:
    """The targets of the application at work."""
    settings = current_settings()
    key = b"alert target " + settings.secret_key.get_secret_value().encode()
    return [
        Target(number, hmac.new(key, each.get_secret_value().encode(), hashlib.sha256).hexdigest()[:32], each)
        for number, each in enumerate(settings.alert_urls, start=1)
    ]


def unreadable(addresses: Iterable[SecretStr]) -> list[int]:
    """The numbers of those that Apprise does not understand, or lacks a library for; asks nobody."""
    return [number for number, each in enumerate(addresses, start=1) if service_name(each) is None]


def complaint(numbers: Iterable[int]) -> str:
    """What to tell whoever gave addresses that are ``unreadable``; quotes none."""
    which = ", ".join(map(str, numbers))
    return (
        f"Apprise does not understand these addresses of ALERT_URLS, counted from 1: {which}. "
        "https://appriseit.com/services shows how each service is written."
    )


def service_name(address: SecretStr) -> str | None:
    """What the service is called, such as Telegram; None where Apprise does not understand the address."""
    sender = _sender(address)
    return str(sender[0].service_name) if sender else None


def send(address: SecretStr, text: str, *, good: bool) -> str | None:
    """Send ``text``; return None once it has arrived, and why it has not otherwise, without the address. Never raises.

    May take as long as the service lets it: whoever has no time for that calls it in a thread. ``good`` is whether the
    news are.
    """
    sender = _sender(address)
    if sender is None:
        return UNREADABLE
    try:
        kind = _apprise().NotifyType.SUCCESS if good else _apprise().NotifyType.WARNING
        arrived = sender.notify(body=text, title=TITLE, notify_type=kind, body_format=_apprise().NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001  # each service has errors of its own, and their texts quote addresses
        return type(error).__name__
    return None if arrived else "the service did not take it"


def _sender(address: SecretStr) -> Any:
    apprise = _apprise()
    sender = apprise.Apprise(
        asset=apprise.AppriseAsset(
            app_id=TITLE,
            app_desc=TITLE,
            # In this thread: in Apprise's own pool a service that never answers would hold up the others.
            async_mode=False,
            service_timeout=0,
            # A redirect would take the address' secrets elsewhere.
            http_redirects=False,
            storage_mode="memory",
        )
    )
    try:
        service = apprise.Apprise.instantiate(address.get_secret_value(), asset=sender.asset)
    except Exception:  # noqa: BLE001  # as above
        return None
    return sender if service is not None and sender.add(service) else None


def _apprise() -> Any:
    """The library, loaded once."""
    with _loading:
        return _load()


@cache
def _load() -> Any:
    with warnings.catch_warnings():
        # Some of its services still use what Python is to give up.
        warnings.simplefilter("ignore")
        library = import_module("apprise")
        # At some levels it writes addresses, tokens and passwords.
        library.logger.handlers, library.logger.propagate = [logging.NullHandler()], False
        # It loads all services as the first one is asked for.
        library.Apprise.instantiate("json://localhost")
    return library
