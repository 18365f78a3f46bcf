"""Alerts on their way: JSON to the address that wants them, whatever that address does."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from domain.db import db
from domain.monitoring import alert_delivery
from domain.monitoring.alert_delivery import LONGEST, PAUSES, deliver
from domain.monitoring.alerts import Alert, Trouble
from providers.kinds import StageType
from tests.database_kinds import on_one_database
from tests.dripping_server import dripping_server
from tests.emulator.listener import Listener

#: Shorter than what drips can go on for: a head may have 64 kB in a line.
PATIENCE_SECONDS = 30

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A target that takes everything."""
    with Listener() as opened:
        yield opened


def alert(waiting: int = 5) -> Alert:
    made = Alert(
        at=NOON,
        trouble=Trouble.BLOCKED,
        stage_type=StageType.SONG,
        over=False,
        reason="rejected",
        since=NOON,
        waiting=waiting,
        next_try_at=NOON,
    )
    db.session.add(made)
    db.session.commit()
    return made


def test_an_alert_arrives_once_with_what_it_means(change_settings: Callable[..., None], listener: Listener) -> None:
    change_settings(alert_webhook_url=SecretStr(listener.url))
    made = alert()

    assert deliver(NOON) == 1
    assert deliver(NOON + timedelta(days=1)) == 0

    heard = listener.next()
    assert heard.headers["Content-Type"] == "application/json"
    assert json.loads(heard.body) == {
        "id": made.id,
        "at": "2026-11-26T12:00:00+00:00",
        "event": "blocked",
        "over": False,
        "stage_type": "SONG",
        "reason": "rejected",
        "since": "2026-11-26T12:00:00+00:00",
        "waiting": 5,
        "text": "SONG: blocked (rejected) since 26 Nov 12:00 UTC, 5 wait",
    }
    assert made.delivered_at is not None


@on_one_database
def test_without_an_address_nothing_is_posted(change_settings: Callable[..., None]) -> None:
    change_settings(alert_webhook_url=None)
    alert()

    assert deliver(NOON) == 0


@on_one_database
def test_whoever_wants_to_be_told_from_now_on_is_not_told_what_is_long_past(
    change_settings: Callable[..., None], listener: Listener
) -> None:
    alert()
    change_settings(alert_webhook_url=SecretStr(listener.url))

    assert deliver(NOON + LONGEST) == 0
    assert deliver(NOON + LONGEST / 2) == 1


@on_one_database
def test_a_target_that_refuses_is_tried_again_later_and_given_up_in_the_end(
    change_settings: Callable[..., None],
) -> None:
    with Listener(*[500] * 20) as listener:
        change_settings(alert_webhook_url=SecretStr(listener.url))
        made, now, tries = alert(), NOON, 0
        while made.next_try_at is not None:
            assert deliver(now) == 0
            tries += 1
            assert deliver(now + timedelta(seconds=1)) == 0
            now = made.next_try_at or now

    assert tries == len(PAUSES) + 1
    assert made.delivered_at is None


def test_a_dead_target_is_asked_once_in_a_round_and_hears_everything_when_it_is_back(
    change_settings: Callable[..., None],
) -> None:
    with Listener(503) as listener:
        change_settings(alert_webhook_url=SecretStr(listener.url))
        for waiting in (1, 2):
            alert(waiting)
        assert deliver(NOON) == 0

        assert deliver(NOON + PAUSES[0]) == 2

        bodies = [json.loads(listener.next().body) for _ in range(3)]
    assert [body["waiting"] for body in bodies] == [1, 1, 2]


@on_one_database
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_target_that_drips_is_hung_up_on(
    change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(alert_delivery, "TIMEOUT_SECONDS", 0.2)
    alert()

    with dripping_server(first, b"x") as (port, hung_up):
        change_settings(alert_webhook_url=SecretStr(f"http://127.0.0.1:{port}/"))

        assert deliver(NOON) == 0
        assert hung_up.wait(PATIENCE_SECONDS)


@on_one_database
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/hook", "http://[bad", "not an address"])
def test_an_address_that_leads_nowhere_harms_nothing_and_is_not_told(
    change_settings: Callable[..., None], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(alert_webhook_url=SecretStr(url))
    alert()

    assert deliver(NOON) == 0
    assert url not in capsys.readouterr().out
