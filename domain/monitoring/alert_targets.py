"""The addresses of ``ALERT_URLS``: Telegram, e-mail, Slack and whatever else Apprise understands.

An address may name several receivers. Apprise would tell them one after the other, with pauses, and only say whether
all were reached; so each is a target of its own here.

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

from domain.monitoring.alert_timeouts import give_ends_to
from settings import current_settings

_loading = threading.Lock()
#: What each message is headed with, and who sends it.
TITLE = "Quatrain"
UNREADABLE = "Apprise does not understand the address"
#: Its services pause between requests, by default for 5.5 s: one that signs in first would take too long.
MAX_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver, whose address prints as asterisks."""

    #: That of the address, counted from 1 as they stand in ``ALERT_URLS``; with several receivers, 1.1, 1.2 and so on.
    number: str
    #: What the database knows it by: a digest that tells nobody the address, and changes with ADMIN_SECRET_KEY too.
    id: str
    address: SecretStr
    #: Which of the address' receivers it is; None where there is one.
    receiver: SecretStr | None = None


def configured() -> list[Target]:
    """The targets of the application at work."""
    settings = current_settings()
    key = b"alert target " + settings.admin_secret_key.get_secret_value().encode()

    def digest(*texts: SecretStr) -> str:
        known = "\n".join(each.get_secret_value() for each in texts)
        return hmac.new(key, known.encode(), hashlib.sha256).hexdigest()[:32]

    found = []
    for number, address in enumerate(settings.alert_urls, start=1):
        if receivers := _receivers(address):
            found += [
                Target(f"{number}.{place}", digest(address, each), address, each)
                for place, each in enumerate(receivers, start=1)
            ]
        else:
            found.append(Target(str(number), digest(address), address))
    return found


def complaint(addresses: Iterable[SecretStr]) -> str | None:
    """What to tell whoever gave addresses that cannot be used, by their numbers; None where all can. Asks nobody.

    Such are those that Apprise does not understand or lacks a library for, and those whose receivers cannot be told
    one by one.
    """
    known = list(enumerate(addresses, start=1))
    unreadable = [number for number, each in known if service_name(each) is None]
    if unreadable:
        return (
            f"Apprise does not understand these addresses of ALERT_URLS, counted from 1: {_listed(unreadable)}. "
            "https://appriseit.com/services shows how each service is written."
        )
    inseparable = [number for number, each in known if _receivers(each) is None]
    if inseparable:
        return (
            "These addresses of ALERT_URLS, counted from 1, have several receivers that cannot be told one by one: "
            f"{_listed(inseparable)}. Write one receiver per address."
        )
    return None


def service_name(address: SecretStr) -> str | None:
    """What the service is called, such as Telegram; None where Apprise does not understand the address."""
    sender = _sender(address)
    return str(sender[0].service_name) if sender else None


def send(address: SecretStr, text: str, *, good: bool, receiver: SecretStr | None = None) -> str | None:
    """Send ``text``; return None once it has arrived, and why it has not otherwise, without the address. Never raises.

    ``receiver`` is the one of the address' that is meant; None means whoever there is.

    May take as long as the service lets it: whoever has no time for that calls it in a thread. ``good`` is whether the
    news are.
    """
    sender = _sender(address, receiver)
    if sender is None:
        return UNREADABLE
    try:
        kind = _apprise().NotifyType.SUCCESS if good else _apprise().NotifyType.WARNING
        arrived = sender.notify(body=text, title=TITLE, notify_type=kind, body_format=_apprise().NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001  # each service has errors of its own, and their texts quote addresses
        return type(error).__name__
    return None if arrived else "the service did not take it"


def _sender(address: SecretStr, receiver: SecretStr | None = None) -> Any:
    apprise = _apprise()
    sender = apprise.Apprise(asset=_asset())
    service = _service(address, receiver.get_secret_value() if receiver else None)
    if service is None:
        return None
    service.request_rate_per_sec = min(service.request_rate_per_sec, MAX_PAUSE_SECONDS)
    return sender if sender.add(service) else None


@cache
def _receivers(address: SecretStr) -> tuple[SecretStr, ...] | None:
    """The receivers of an address that has several, else an empty tuple; None where they cannot be told one by one."""
    whole = _service(address)
    if whole is None or _count(whole) <= 1:
        return ()
    # Whoever gives several with "to=" separates them with commas, which some services leave to the end.
    named = ",".join(map(str, _parts(address).get("targets") or ())).split(",")
    apart = tuple(dict.fromkeys(each.strip() for each in named if each.strip()))
    services = [_service(address, each) for each in apart]
    # Where a name is none, a service may fall back on a receiver of its own.
    if len(apart) != _count(whole) or any(each is None or _count(each) != 1 for each in services):
        return None
    return tuple(map(SecretStr, apart))


def _service(address: SecretStr, receiver: str | None = None) -> Any:
    """Apprise's service for the address, or for one of its receivers; None where Apprise does not understand it."""
    try:
        parts = _parts(address)
        return _apprise().Apprise.instantiate(parts | ({"targets": [receiver]} if receiver else {}), asset=_asset())
    except Exception:  # noqa: BLE001  # as above
        return None


def _parts(address: SecretStr) -> dict[str, Any]:
    """What the address consists of. Raises whatever Apprise does where it does not understand it."""
    return dict(_apprise().plugins.url_to_dict(address.get_secret_value()))


def _count(service: Any) -> int:
    """How many requests one message takes, each of which may fail: one for each receiver, or for each batch of them."""
    return int(len(service) / (service.retry + 1))


def _asset() -> Any:
    return _apprise().AppriseAsset(
        app_id=TITLE,
        app_desc=TITLE,
        # In this thread: in Apprise's own pool a service that never answers would hold up the others.
        async_mode=False,
        service_timeout=0,
        # A redirect would take the address' secrets elsewhere.
        http_redirects=False,
        storage_mode="memory",
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


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
        give_ends_to("apprise.plugins")
    return library
