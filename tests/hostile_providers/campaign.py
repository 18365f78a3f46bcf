"""Every garbage at every call, and what came of it."""

import base64
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any
from urllib.parse import quote

from providers.errors import ProviderError
from tests.hostile_providers import judge, mutations
from tests.hostile_providers.operations import Good, Operation, hurried
from tests.hostile_providers.server import HostileServer, Pieces

#: How long a call may wait for a provider here, and how much longer it may take on a busy machine.
SECONDS, SLACK_SECONDS = 0.3, 60.0
#: Of one call, whatever the provider sends.
MAX_MEGABYTES = 250
THREADS = 16
#: How many answers a call may take.
MAX_ANSWERS = 2

ESCAPED, HUNG, UNSAFE = "another exception", "hung", "accepted what is not safe"
FREE, TOLD, HEAVY = "would be tried again for free", "told the key", "too much memory"
WRONGS = (ESCAPED, HUNG, UNSAFE, FREE, TOLD, HEAVY)
#: Of letters that each encoding writes in another way.
KEY = "sk-canary+4f9d/2c7b=1e8a6053"

#: How a provider may write our key into its answer.
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": lambda key: quote(key, safe=""),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "behind Bearer, in base64": lambda key: base64.urlsafe_b64encode(f"Bearer {key}".encode()).decode(),
}


@dataclass
class Tally:
    """What came of some tries. ``wrong`` names each that came to no good: what was tried, and what happened."""

    garbages: int = 0
    tried: int = 0
    results: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def count_wrong(self) -> list[int]:
        """How many came to each kind of no good, in the order of ``WRONGS``."""
        return [sum(f": {kind}: " in each for each in self.wrong) for kind in WRONGS]


@dataclass(frozen=True)
class Try:
    """One call to be made of a provider that gives these answers."""

    operation: Operation
    garbage: str
    answers: list[Pieces]
    key: str = KEY
    #: Whether the answer leaves open that the work was made and charged.
    may_be_charged: bool = False


def json_tries(operations: Iterable[Operation], step: int = 1) -> Iterator[Try]:
    """Each garbage at each place of each answer; of those only each ``step``-th, and what no set can hold."""
    for number, (operation, turn, document, put, place, name) in enumerate(_changes(operations)):
        if number % step == 0 or name == mutations.UNHASHABLE:
            text = mutations.with_garbage(document, place, name)
            if text is not None:
                where = f"{name} at {'.'.join(map(str, place))}"
                sent = operation.good[turn].sent(put(text))
                is_success = operation.is_paid and operation.good[turn].status < 300
                yield _try(operation, turn, where, [sent], may_be_charged=is_success)


def _changes(
    operations: Iterable[Operation],
) -> Iterator[tuple[Operation, int, Any, mutations.Put, mutations.Place, str]]:
    for operation in operations:
        for turn, good in enumerate(operation.good):
            for document, put in mutations.documents_in(good.body):
                for place, name in product(mutations.places_in(document), mutations.GARBAGE):
                    yield operation, turn, document, put, place, name


def echo_tries(operations: Iterable[Operation]) -> Iterator[Try]:
    """Our key, in each encoding, at each place of each answer and in all of its headers."""
    for operation in operations:
        for turn, good in enumerate(operation.good):
            for name, encode in ECHOES.items():
                echo = encode(KEY)
                for body in _echoing(good.body, echo):
                    headers = (*((header, echo) for header, _ in good.headers), ("Retry-After", echo))
                    sent = Good(good.status, headers, body).sent()
                    yield _try(operation, turn, f"key {name}", [sent])


def _echoing(body: bytes, echo: str) -> Iterator[bytes]:
    found = mutations.documents_in(body)
    for document, put in found:
        for place in mutations.places_in(document):
            value = mutations.at(document, place)
            if isinstance(value, str):
                for text in (echo, f"{value}{echo}"):
                    escaped = "".join(f"\\u{ord(letter):04x}" for letter in text)
                    yield put(mutations.with_text(document, place, f'"{escaped}"'))
                if place[-1] == "data":
                    sound = base64.b64decode(value) + echo.encode()
                    yield put(mutations.with_text(document, place, f'"{base64.b64encode(sound).decode()}"'))
    if not found:
        yield body + echo.encode()
        yield echo.encode() + body


def wire_tries(operations: Iterable[Operation], garbages: dict[str, Callable[[Good], Pieces]]) -> Iterator[Try]:
    """Each garbage in the place of the first answer, and of the last."""
    for operation in operations:
        for turn in {0, len(operation.good) - 1}:
            for name, spoil in garbages.items():
                charged = operation.is_paid and not any(word in name for word in _REFUSALS)
                pieces = _Anew(partial(spoil, operation.good[turn]))
                yield _try(operation, turn, name, pieces, may_be_charged=charged)


class _Anew:
    """Pieces that are made anew for each request: a download that breaks off asks again while the first still goes."""

    def __init__(self, make: Callable[[], Pieces]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._make())


#: Garbage that says, as well as it can, that nothing was done.
_REFUSALS = ("refus", "redirect", *(f"status {digit}" for digit in "3456789"))


def _try(operation: Operation, turn: int, garbage: str, answer: Pieces, *, may_be_charged: bool = False) -> Try:
    answers: list[Pieces] = [[good.sent()] for good in operation.good]
    answers[turn] = answer
    return Try(operation, garbage, answers, may_be_charged=may_be_charged)


def carry_out(tries: Iterable[Try]) -> Tally:
    """Make the calls one after the other, and judge what comes of them."""
    with HostileServer(lambda _: []) as server:
        return _tally((each, *_made(each, server)) for each in tries)


def carry_out_side_by_side(tries: Iterable[Try]) -> Tally:
    """The same for calls that spend their time waiting."""

    def make(each: Try) -> tuple[Try, object, float]:
        with HostileServer(lambda _: []) as server:
            return each, *_made(each, server)

    with hurried(SECONDS), ThreadPoolExecutor(THREADS) as pool:
        return _tally(pool.map(make, tries))


def carry_out_weighed(tries: Iterable[Try]) -> Tally:
    """The same as ``carry_out``; whatever takes more than ``MAX_MEGABYTES`` of memory has come to no good."""
    heavy = []

    def weighed() -> Iterator[tuple[Try, object, float]]:
        with HostileServer(lambda _: []) as server:
            for each in tries:
                tracemalloc.start()
                made = _made(each, server)
                megabytes = tracemalloc.get_traced_memory()[1] / 2**20
                tracemalloc.stop()
                if megabytes > MAX_MEGABYTES:
                    heavy.append(f"{each.operation.name}: {each.garbage}: {HEAVY}: {megabytes:.0f} MB")
                yield each, *made

    tally = _tally(weighed())
    tally.wrong += heavy
    return tally


def _made(each: Try, server: HostileServer) -> tuple[object, float]:
    """What the call has returned or raised, and how many seconds it took."""
    server.asked.clear()
    began = time.perf_counter()
    try:
        found = each.operation.call(server, each.answers, each.key)
    except Exception as error:  # noqa: BLE001  # whatever comes out is what this is about
        found = error
    return found, time.perf_counter() - began


def _tally(made: Iterable[tuple[Try, object, float]]) -> Tally:
    tally, garbages = Tally(), set()
    for each, found, seconds in made:
        garbages.add(each.garbage)
        tally.tried += 1
        if isinstance(found, ProviderError):
            tally.refusals[type(found).__name__] += 1
        elif not isinstance(found, Exception):
            tally.results += 1
        tally.wrong += [f"{each.operation.name}: {each.garbage}: {fault}" for fault in _faults(each, found, seconds)]
    tally.garbages = len(garbages)
    return tally


def _faults(each: Try, found: object, seconds: float) -> Iterator[str]:
    if isinstance(found, Exception) and not isinstance(found, ProviderError):
        yield f"{ESCAPED}: {found!r:.200}"
        return
    if seconds > each.operation.seconds * MAX_ANSWERS + SLACK_SECONDS:
        yield f"{HUNG}: {seconds:.1f} s"
    if isinstance(found, ProviderError) and each.may_be_charged and judge.is_free_again(found):
        yield f"{FREE}: {found}"
    for fault in judge.faults_of(found):
        yield f"{UNSAFE}: {fault}"
    if judge.tells(each.key, judge.said_by(found)):
        yield f"{TOLD}: {judge.said_by(found):.300}"
