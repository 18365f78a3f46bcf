"""What an emulated provider remembers: its keys, the faults to come, what it was asked and what it charged."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from flask import Blueprint, Request, g

from providers.kinds import ProviderKind

ANY_ROUTE = "*"
#: What is asked for so few tokens is no work, but shows that a key and a model generate.
MAX_TOKENS_OF_A_PROOF = 16


@dataclass
class Key:
    """An account's key. ``credit`` is what it may still spend, ``Room.price`` for each generation, None without end.

    ``rights`` are the provider's own names of permissions. ``scenario`` names one that plays whenever this key is used.
    """

    name: str
    secret: str = field(repr=False)
    rights: frozenset[str] = frozenset()
    credit: int | None = None
    scenario: str | None = None


@dataclass(frozen=True)
class Fault:
    """What a route does instead of its answer (``status``) or with it (the rest).

    ``times``: how often; None until ``clear_faults``.
    ``shape``: a successful answer of another kind, by the provider's own names. ``delay``: seconds before the answer.
    ``until``: the answer waits for this event, too.
    ``cut``: the work is done and charged, and the connection ends with nothing said. ``cut_body``: it ends in the
    middle of the body. ``drip``: seconds between two bytes, of the body, or with ``drip_headers`` of everything.
    """

    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""
    delay: float = 0
    until: threading.Event | None = None
    cut: bool = False
    cut_body: bool = False
    drip: float = 0
    drip_headers: bool = False
    times: int | None = 1


@dataclass(frozen=True)
class Charge:
    """One generation that the provider carried out and billed. ``token`` is the caller's id, if it sent one.

    ``units``: how many of what the provider bills by, where it bills a generation by its length.
    """

    provider: ProviderKind
    key: str
    model: str
    token: str | None
    at: float
    units: int = 1


@dataclass(frozen=True)
class Call:
    """One request as it came, without the header of its key. ``key`` is the name of the key, if we know it."""

    provider: ProviderKind
    route: str
    method: str
    path: str
    key: str | None
    headers: Mapping[str, str]
    body: Any
    at: float
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Visit:
    """A charged call while it was answered: ``began`` and ``ended`` in seconds since the epoch."""

    token: str | None
    began: float
    ended: float


class Book:
    """What all rooms write in, and the lock that guards them and it. ``closing`` is set when the server stops."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.ledger: list[Charge] = []
        self.proofs: list[Charge] = []
        self.requests: list[Call] = []
        self.visits: list[Visit] = []
        self.played: list[tuple[ProviderKind, Fault]] = []

    def end_visit(self, _fault: BaseException | None = None) -> None:
        """The call that is being answered is over: to be called by Flask."""
        visit = g.pop("visit", None)
        if visit is not None:
            with self.lock:
                self.visits.append(replace(visit, ended=time.time()))


class Room:
    """One provider. Subclasses add its routes and what else it knows."""

    kind: ClassVar[ProviderKind]
    #: What stands after the host in the provider's base URL.
    base_path: ClassVar[str] = ""
    #: Headers that can carry a key, with what stands before it.
    auth_headers: ClassVar[tuple[tuple[str, str], ...]] = (("Authorization", "Bearer "),)
    #: What a generation takes from the credit of its key, in the provider's own unit.
    price: ClassVar[int] = 1
    #: Where its routes begin, for a provider that has some beside ``base_path``.
    root_path: ClassVar[str | None] = None
    #: By name: the routes it plays on, and what happens there.
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = {}

    def __init__(self, book: Book) -> None:
        self.book = book
        self.keys: dict[str, Key] = {}
        self._faults: list[tuple[tuple[str, ...], Fault]] = []

    def blueprint(self) -> Blueprint:
        """The provider's routes, each endpoint named as ``fail`` calls it."""
        raise NotImplementedError

    def add_key(self, name: str, secret: str, **features: Any) -> Key:
        """Open an account; ``features`` are those of ``Key``."""
        with self.book.lock:
            self.keys[secret] = Key(name, secret, **features)
            return self.keys[secret]

    def remove_key(self, secret: str) -> Key:
        """Close an account for good, or until its key is put among ``keys`` again."""
        with self.book.lock:
            return self.keys.pop(secret)

    def fail(self, *routes: str, **features: Any) -> None:
        """Let the next calls on ``routes`` (none: on any) go wrong, once or ``times`` times; see ``Fault``."""
        with self.book.lock:
            self._faults.append((routes or (ANY_ROUTE,), Fault(**features)))

    def play(self, scenario: str, *, times: int | None = 1) -> None:
        """Let a named scenario happen to the next calls on its routes."""
        routes, fault = self.scenarios[scenario]
        with self.book.lock:
            self._faults.append((routes, replace(fault, times=times)))

    def clear_faults(self) -> None:
        """Forget all faults that have not come about."""
        with self.book.lock:
            self._faults.clear()

    def take_fault(self, route: str, key: Key | None) -> Fault:
        """The fault for a call that has just come: the first one waiting, else the key's own, else one that is none."""
        with self.book.lock:
            for place, (routes, fault) in enumerate(self._faults):
                if _plays_on(route, routes):
                    if fault.times is not None:
                        left = fault.times - 1
                        self._faults[place : place + 1] = [(routes, replace(fault, times=left))] if left else []
                    self.book.played.append((self.kind, fault))
                    return fault
            if key is not None and key.scenario is not None:
                routes, fault = self.scenarios[key.scenario]
                if _plays_on(route, routes):
                    return fault
        return Fault()

    def note(self, route: str, request: Request) -> Key | None:
        """Write down a call; return the key that it came with, if we know it."""
        key = self.keys.get(self._secret_of(request) or "")
        secret_headers = {name.lower() for name, _ in self.auth_headers}
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in secret_headers}
        body = request.get_json(silent=True) if request.is_json else request.form.to_dict() or None
        with self.book.lock:
            self.book.requests.append(
                Call(
                    self.kind,
                    route,
                    request.method,
                    request.path,
                    key.name if key else None,
                    headers,
                    body,
                    time.time(),
                    query=request.args.to_dict(),
                )
            )
        return key

    def charge(self, key: Key, model: str, token: str | None, units: int = 1, *, tokens: int | None = None) -> bool:
        """Put a generation on the bill of ``key``; False if there is no credit for it.

        One whose limit is a few ``tokens`` costs so little that no credit is gone: it is in the book's ``proofs``.
        """
        with self.book.lock:
            if key.credit is not None and key.credit < self.price:
                return False
            if tokens is not None and tokens <= MAX_TOKENS_OF_A_PROOF:
                self.book.proofs.append(Charge(self.kind, key.name, model, token, time.time()))
                return True
            if key.credit is not None:
                key.credit -= self.price
            self.book.ledger.append(Charge(self.kind, key.name, model, token, time.time(), units))
        g.visit = Visit(token, began=time.time(), ended=0)
        return True

    def _secret_of(self, request: Request) -> str | None:
        values = ((request.headers.get(name, ""), prefix) for name, prefix in self.auth_headers)
        return next((value.removeprefix(prefix).strip() for value, prefix in values if value.startswith(prefix)), None)


def _plays_on(route: str, routes: Iterable[str]) -> bool:
    return any(name in (route, ANY_ROUTE) for name in routes)
