"""Who is there while the faults strike: a shop that orders, and somebody who notes each step of each stage."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

import requests
from sqlalchemy import Engine, select

from domain.db import reading
from domain.orders.models import Stage, StageReason, StageState
from providers.kinds import StageType
from tests.http_session import Api

POEM, VOICE, SONG, CLIP = StageType
MENUS = [{POEM}, {POEM, VOICE}, {SONG}, {CLIP}, {POEM, SONG}, set(StageType)]
WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that happened at ``at``, monotonic seconds, and the stages that it hit."""

    fault: str
    at: float
    hit: frozenset[int]


@dataclass(frozen=True, slots=True)
class Placing:
    """How long it took until an order was accepted, and whether Redis was frozen meanwhile."""

    seconds: float
    redis_frozen: bool


class Shop(threading.Thread):
    """Places orders, each until it is accepted, with one idempotency key however often it asks."""

    def __init__(
        self, api: Callable[[], Api], *, seed: int, orders: int, seconds: float, redis_is_frozen: Callable[[], bool]
    ) -> None:
        super().__init__(daemon=True, name="shop")
        self._api, self._orders, self._pause = api, orders, seconds / orders * 0.8
        self._random = Random(f"shop {seed}")
        self._redis_is_frozen = redis_is_frozen
        self.accepted: dict[str, int] = {}
        self.asked = 0
        self.broken_off = 0
        self.placings: list[Placing] = []
        self._enough = threading.Event()

    def run(self) -> None:
        for number in range(self._orders):
            self._place(f"order-{number}", self._random.choice(MENUS))
            if self._enough.wait(self._random.uniform(0.4, 1.6) * self._pause):
                return

    def place_at_once(self, number: int) -> None:
        """Place so many orders of a poem, by and by; returns when they are accepted. For another thread."""
        for _ in range(number):
            self._place(f"at-once-{self.asked}", {POEM})

    def stop(self) -> None:
        """Place no more; returns when the one under way is accepted."""
        self._enough.set()
        self.join()

    def _place(self, key: str, menu: set[StageType]) -> None:
        self.asked += 1
        poem = {} if POEM in menu else {"poem": "Море шумит, и Анна поёт."}
        while True:
            began, frozen = time.monotonic(), self._redis_is_frozen()
            try:
                answer = self._api().place(*sorted(menu), key=key, recipient=f"Анна, {key}", **poem)
            except requests.RequestException as error:
                self.broken_off += isinstance(error, requests.ConnectionError)
                time.sleep(0.2)
                continue
            if answer.status_code < 500:
                assert answer.status_code == 202, answer.text
                self.accepted[key] = answer.json()["id"]
                self.placings.append(Placing(time.monotonic() - began, frozen and self._redis_is_frozen()))
                return
            time.sleep(0.2)


class Watcher(threading.Thread):
    """Notes when each stage takes a step. ``system_now`` is the time by the clock of the system."""

    def __init__(self, engine: Engine, system_now: Callable[[], datetime]) -> None:
        super().__init__(daemon=True, name="watcher")
        self._engine, self._system_now = engine, system_now
        self._over = threading.Event()
        self.now: dict[int, tuple[StageType, StageState, int]] = {}
        self.due: dict[int, datetime] = {}
        #: Those that wait for their provider's pace, whatever strikes.
        self.held: set[int] = set()
        self.steps: dict[int, list[float]] = defaultdict(list)
        self.last_step_at = 0.0

    def run(self) -> None:
        read = select(Stage.id, Stage.stage_type, Stage.state, Stage.claim, Stage.due_at, Stage.reason)
        while not self._over.wait(WATCH_SECONDS):
            try:
                with reading(), self._engine.connect() as connection:
                    found = connection.execute(read).all()
            except Exception:  # noqa: BLE001, S112  # the database is away, as it was told to be
                continue
            at = time.monotonic()
            self.held = {each.id for each in found if each.reason == StageReason.THROTTLED}
            for stage_id, stage_type, state, claim, due_at, _ in found:
                self.due[stage_id] = due_at
                if self.now.get(stage_id) != (stage_type, state, claim):
                    self.now[stage_id] = (stage_type, state, claim)
                    self.steps[stage_id].append(at)
                    self.last_step_at = at

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self.join()

    def states(self) -> set[StageState]:
        """The states that stages are in."""
        return {state for _, state, _ in list(self.now.values())}

    def standing_in(self, states: Sequence[str], stage_type: StageType | None = None) -> frozenset[int]:
        """The stages, of one type or of any, that are in one of these states, and whose time has come."""
        now, held = self._system_now(), self.held
        return frozenset(
            stage_id
            for stage_id, (kind, state, _) in list(self.now.items())
            if state in states and self.due[stage_id] <= now and stage_type in (None, kind) and stage_id not in held
        )

    def recovery(self, strike: Strike) -> list[float]:
        """Seconds from the fault to the next step of each stage that it hit."""
        steps = [[at for at in self.steps[stage_id] if at > strike.at] for stage_id in strike.hit]
        return [each[0] - strike.at for each in steps if each]

    def has_recovered(self, strike: Strike) -> bool:
        """Whether each stage that was hit has taken a step since."""
        return len(self.recovery(strike)) == len(strike.hit)
