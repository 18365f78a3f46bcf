"""What must not be lost is stored again until the database or the disk is back, from its beginning each time."""

import random
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from domain.db import db
from domain.orders.models import Order
from domain.storage_retry import MAX_PAUSE_SECONDS, OUTAGE_SECONDS, retry_while_storage_down
from tests.builders import place_order

AWAY = [OperationalError("", None, Exception("away")), InterfaceError("", None, Exception("away")), OSError("full")]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between the tries, each as long as it may be; nobody waits."""
    kept: list[float] = []
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    monkeypatch.setattr(time, "sleep", kept.append)
    return kept


def failing(*errors: Exception) -> Callable[..., tuple[object, ...]]:
    """Raises one after the other, then returns what it was given."""
    left = list(errors)

    @retry_while_storage_down
    def store(*args: object, **kwargs: object) -> tuple[object, ...]:
        if left:
            raise left.pop(0)
        return (*args, kwargs)

    return store


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_store_that_is_back_gets_the_same_once_more(error: Exception, pauses: list[float]) -> None:
    assert failing(error)(1, name="Anna") == (1, {"name": "Anna"})
    assert len(pauses) == 1


def test_the_tries_start_close_together_and_never_get_far_apart(pauses: list[float]) -> None:
    failing(*AWAY, *AWAY)()

    assert pauses == [0.2, 0.4, 0.8, 1.6, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS]


def test_after_five_minutes_the_last_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    began = now = time.monotonic()

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)

    with pytest.raises(OSError, match="full"):
        failing(*[AWAY[-1]] * 10_000)()

    assert OUTAGE_SECONDS <= now - began <= OUTAGE_SECONDS + MAX_PAUSE_SECONDS


def test_what_a_failed_try_has_begun_is_undone(pauses: list[float]) -> None:
    place_order(recipient="Anna")
    seen: list[str] = []

    @retry_while_storage_down
    def store() -> None:
        db.session.execute(update(Order).values(recipient=Order.recipient + "!"))
        seen.extend(db.session.scalars(select(Order.recipient)))
        if len(seen) == 1:
            raise AWAY[0]
        db.session.commit()

    store()

    assert seen == ["Anna!", "Anna!"]


def test_what_is_tried_again_is_named_in_the_log(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    left = [AWAY[0]]

    @retry_while_storage_down
    def store_a_poem() -> None:
        """Says what it stores."""
        if left:
            raise left.pop()

    store_a_poem()

    [told] = [record.msg for record in caplog.records if record.name == "domain.storage_retry"]
    assert isinstance(told, dict)
    assert (told["what"], told["attempt"], told["error"]) == ("store_a_poem", 1, "OperationalError")
    assert (store_a_poem.__name__, store_a_poem.__doc__) == ("store_a_poem", "Says what it stores.")


def test_a_fault_of_another_kind_is_told_at_once(pauses: list[float]) -> None:
    with pytest.raises(ValueError, match="not the database"):
        failing(ValueError("not the database"))()

    assert pauses == []
