"""Alerts to the addresses of ALERT_URLS, by Apprise to servers that listen: each once, none held up by another."""

import io
import json
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.monitoring import alert_delivery, alert_targets, alert_timeouts
from domain.monitoring.alert_delivery import PAUSES, _channels, deliver, try_out
from domain.monitoring.alert_targets import _sender, send, service_name
from domain.monitoring.alerts import Alert, Delivery, notice_orders
from domain.orders.models import StageState
from providers.kinds import StageType
from tests.builders import place_order, set_state
from tests.database_kinds import on_one_database
from tests.dripping_server import dripping_server
from tests.emulator.listener import Listener, until
from tests.stopped_clock import StoppedClock
from web.logs import configure_logs

MARK = "Canary7f3a9c21"
#: Shorter than what drips can go on for: a line may have 64 kB, at a mail server 8 kB.
PATIENCE_SECONDS = 30
SET = Callable[..., None]


@pytest.fixture
def open_target() -> Iterator[Callable[..., Listener]]:
    """Servers that listen, each with the answers that it gives first."""
    with ExitStack() as opened:
        yield lambda *statuses: opened.enter_context(Listener(*statuses))


def as_json(listener: Listener, more: str = "") -> SecretStr:
    """The address of ``listener`` as Apprise writes it."""
    return SecretStr(listener.url.replace("http://", "json://") + more)


def nobody() -> SecretStr:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return SecretStr(f"json://127.0.0.1:{free.getsockname()[1]}/hooks/{MARK}")


def topics(listener: Listener, *names: str) -> SecretStr:
    """One address with several receivers: those that follow ``names`` at an ntfy that is ``listener``."""
    host = listener.url.partition("://")[2].partition("/")[0]
    return SecretStr(f"ntfy://{host}/{'/'.join(names)}")


def alert() -> Alert:
    """A new one, and no other."""
    order = place_order()
    set_state(order.id, StageType.POEM, StageState.FAILED, reason="content_refused", finished_at=utc_now())
    [told] = notice_orders(utc_now())
    return told


def is_delivered(row: Alert | Delivery) -> bool:
    """As the database knows it now."""
    db.session.refresh(row)
    delivered_at = row.delivered_at
    db.session.commit()
    return delivered_at is not None


def heard(listener: Listener) -> list[dict[str, Any]]:
    """All that has come so far."""
    bodies = []
    while not listener._heard.empty():
        bodies.append(json.loads(listener.next().body))
    return bodies


def test_an_alert_arrives_at_each_target_once_with_what_it_means(
    change_settings: SET, open_target: Callable[..., Listener]
) -> None:
    first, second, webhook = open_target(), open_target(), open_target()
    change_settings(alert_urls=(as_json(first), as_json(second)), alert_webhook_url=SecretStr(webhook.url))
    made = alert()

    assert deliver(utc_now()) == 3
    assert deliver(utc_now() + timedelta(days=1)) == 0

    for listener in (first, second):
        [body] = heard(listener)
        assert body["title"] == "Quatrain"
        assert body["message"] == "POEM: 1 work has failed (content refused) since 18 Nov 12:00 UTC"
        assert body["type"] == "warning"
    [body] = heard(webhook)
    assert (body["id"], body["event"], body["waiting"]) == (made.id, "failed", 1)
    assert made.delivered_at
    assert all(each.delivered_at for each in made.deliveries)


@on_one_database
def test_what_is_over_is_good_news(
    change_settings: SET, open_target: Callable[..., Listener], clock: StoppedClock
) -> None:
    listener = open_target()
    change_settings(alert_urls=(as_json(listener),))
    alert()
    clock.shift(timedelta(hours=24))
    notice_orders(utc_now())

    assert deliver(utc_now()) == 2
    assert [body["type"] for body in heard(listener)] == ["warning", "success"]


@pytest.mark.parametrize("webhook_is_dead", [False, True])
def test_the_others_hear_of_an_alert_once_while_one_is_dead_which_hears_it_when_it_is_back(
    change_settings: SET, open_target: Callable[..., Listener], clock: StoppedClock, webhook_is_dead: bool
) -> None:
    dead, first, second = open_target(503, 503), open_target(), open_target()
    if webhook_is_dead:
        change_settings(alert_urls=(as_json(first), as_json(second)), alert_webhook_url=SecretStr(dead.url))
    else:
        change_settings(alert_urls=(as_json(first), as_json(dead), as_json(second)))
    alert()

    assert deliver(utc_now()) == 2
    for pause in PAUSES[:2]:
        assert deliver(utc_now()) == 0
        clock.shift(pause)
        arrived = deliver(utc_now())
    assert arrived == 1

    assert [len(heard(listener)) for listener in (dead, first, second)] == [3, 1, 1]


@on_one_database
def test_a_target_that_fails_is_asked_once_in_a_round(
    change_settings: SET, open_target: Callable[..., Listener], clock: StoppedClock
) -> None:
    dead, other = open_target(500), open_target()
    change_settings(alert_urls=(as_json(dead), as_json(other)))
    alert()
    clock.shift(timedelta(hours=24))
    notice_orders(utc_now())

    assert deliver(utc_now()) == 2
    assert len(heard(dead)) == 1
    clock.shift(PAUSES[0])
    assert deliver(utc_now()) == 2
    assert [body["type"] for body in heard(dead)] == ["warning", "success"]


@on_one_database
def test_a_target_that_never_answers_holds_up_no_other_one_and_takes_one_thread(
    change_settings: SET, open_target: Callable[..., Listener], clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_delivery, "MAX_SECONDS", 3)
    listener = open_target()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = SecretStr(f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=600")
        change_settings(alert_urls=(slow, as_json(listener)))
        assert service_name(slow) == "JSON"
        alert()

        assert deliver(utc_now()) == 1
        assert len(heard(listener)) == 1
        clock.shift(timedelta(hours=24))
        notice_orders(utc_now())
        assert deliver(utc_now()) == 1
        assert len(heard(listener)) == 1

        silent.settimeout(60)
        silent.accept()[0].close()
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        slow_one = alert_targets.configured()[0].id
        tries = [each.tries for each in db.session.query(Delivery).filter_by(target=slow_one).order_by(Delivery.id)]
        assert tries == [1, 0]


@on_one_database
def test_a_target_that_is_new_hears_what_happens_from_then_on(
    change_settings: SET, open_target: Callable[..., Listener], clock: StoppedClock
) -> None:
    old, new = open_target(), open_target()
    change_settings(alert_urls=(as_json(old),))
    alert()
    change_settings(alert_urls=(as_json(new), as_json(old)))
    assert deliver(utc_now()) == 1
    clock.shift(timedelta(hours=24))
    notice_orders(utc_now())
    assert deliver(utc_now()) == 2

    assert [len(heard(old)), len(heard(new))] == [2, 1]


@on_one_database
def test_what_the_database_keeps_of_an_address_tells_nobody_what_it_is(
    change_settings: SET, open_target: Callable[..., Listener]
) -> None:
    change_settings(alert_urls=(as_json(open_target(), f"/{MARK}"),))
    alert()

    [kept] = db.session.query(Delivery).all()
    assert len(kept.target) == 32
    change_settings(admin_secret_key=SecretStr("another-secret-0123456789-abcdefgh"))
    assert alert_targets.configured()[0].id != kept.target


@on_one_database
def test_a_receiver_that_refuses_makes_no_other_one_of_its_address_hear_anything_twice(
    change_settings: SET, clock: StoppedClock
) -> None:
    with Listener(answer=lambda callback: 403 if b"refuses" in callback.body else 200) as listener:
        change_settings(alert_urls=(topics(listener, "first", "refuses", "third"),))
        alert()

        arrived = [deliver(utc_now())]
        for pause in PAUSES[:2]:
            clock.shift(pause)
            arrived.append(deliver(utc_now()))

        assert arrived == [2, 0, 0]
        assert Counter(body["topic"] for body in heard(listener)) == {"first": 1, "refuses": 3, "third": 1}


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        ("mailto://user:password@example.org?to=a@example.org,b@example.org", ["1.1", "1.2"]),
        ("mailto://user:password@example.org/a@example.org/b@example.org?cc=c@example.org", ["1.1", "1.2"]),
        ("mailto://user:password@example.org", ["1"]),
        ("tgram://123456789:AAFakeFakeFakeFakeFakeFakeFakeFake-_A/12345/67890?retry=2", ["1.1", "1.2"]),
        ("slack://T0123456789/B0123456789/fake0123456789fake012345/#one/#two", ["1.1", "1.2"]),
        ("json://localhost/one/two?retry=2", ["1"]),
        ("nosuch://localhost/one/two", ["1"]),
    ],
)
@on_one_database
def test_each_receiver_of_an_address_is_a_target_of_its_own(
    change_settings: SET, app: Flask, address: str, numbers: list[str]
) -> None:
    change_settings(alert_urls=(SecretStr(address),))

    with app.app_context():
        targets = alert_targets.configured()

    assert [each.number for each in targets] == numbers
    assert len({each.id for each in targets}) == len(targets)


@on_one_database
def test_the_receivers_of_an_address_do_not_wait_for_each_other(
    change_settings: SET, open_target: Callable[..., Listener]
) -> None:
    listener = open_target()
    change_settings(alert_urls=(topics(listener, "first", "second", "third"),))
    alert()
    began = time.monotonic()

    assert deliver(utc_now()) == 3

    assert time.monotonic() - began < 5
    assert sorted(body["topic"] for body in heard(listener)) == ["first", "second", "third"]


@on_one_database
def test_a_service_that_needs_several_requests_makes_no_long_pauses_between_them() -> None:
    sender = _sender(SecretStr("ntfy://127.0.0.1:9/topic"))

    assert [service.request_rate_per_sec for service in sender] == [0.5]


@pytest.mark.parametrize("by_webhook", [False, True])
def test_what_arrives_after_the_round_is_over_is_not_told_again(
    change_settings: SET, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, by_webhook: bool
) -> None:
    monkeypatch.setattr(alert_delivery, "MAX_SECONDS", 0.5)
    answers = threading.Event()
    with Listener(answer=lambda _: 200 if answers.wait(60) else 500) as slow:
        if by_webhook:
            change_settings(alert_webhook_url=SecretStr(slow.url))
        else:
            change_settings(alert_urls=(as_json(slow, "/?rto=60"),))
            assert service_name(as_json(slow)) == "JSON"
        made = alert()
        row = made if by_webhook else made.deliveries[0]
        assert deliver(utc_now()) == 0
        assert not is_delivered(row)

        answers.set()
        until(lambda: is_delivered(row))
        clock.shift(PAUSES[0])

        assert deliver(utc_now()) == 0
        assert len(heard(slow)) == 1


@pytest.fixture
def written(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Our log at its loudest, and Apprise's below that."""
    configure_logs(app.config["SETTINGS"].model_copy(update={"log_level": "DEBUG"}))
    text = io.StringIO()
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")
    monkeypatch.setattr(handler, "stream", text)
    monkeypatch.setattr(logging.getLogger("apprise"), "level", 1)
    yield text
    configure_logs(app.config["SETTINGS"])


def canaries(listener: Listener) -> list[SecretStr]:
    """Addresses with a mark in each place of a secret, that are taken, refused, unreachable and not understood."""
    _, _, rest = listener.url.partition("://")
    host = rest.partition("/")[0]
    return [
        *(SecretStr(f"json://user{MARK}:pass{MARK}@{host}/{MARK}/{number}?+X-Token={MARK}") for number in "12"),
        nobody(),
        SecretStr(f"mailto://user:{MARK}@127.0.0.1:1?to=a@example.org,b@example.org"),
        SecretStr(f"tgram://{MARK}"),
        SecretStr(f"nosuch://{MARK}"),
        SecretStr(f"json://user:{MARK}@[bad/{MARK}"),
        SecretStr(f"json://{host}/{MARK}?method={MARK}"),
        SecretStr(f"json://{host}/{MARK}?rto={MARK}"),
    ]


def test_no_address_is_told_to_anybody_whatever_becomes_of_the_alert(
    change_settings: SET,
    open_target: Callable[..., Listener],
    written: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    change_settings(alert_urls=tuple(canaries(open_target(200, 500))))
    alert()

    assert deliver(utc_now()) == 2
    arrivals = try_out(utc_now())

    assert written.getvalue().count("alert not delivered") == 7
    said = (written.getvalue(), "".join(capfd.readouterr()), repr(arrivals), repr(_channels()))
    assert [text for text in said if MARK.lower() in text.lower()] == []


def test_apprise_would_tell_addresses_if_its_log_were_heard(
    open_target: Callable[..., Listener], written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    [taken, *_] = canaries(open_target())
    assert service_name(taken) == "JSON"
    monkeypatch.setattr(logging.getLogger("apprise"), "propagate", True)

    assert send(taken, "a text", good=True) is None

    assert MARK in written.getvalue()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("tgram://123456789:AAFakeFakeFakeFakeFakeFakeFakeFake-_A/12345/", "Telegram"),
        ("mailto://user:password@example.org?to=a@example.org,b@example.org", "E-Mail"),
        ("slack://T0123456789/B0123456789/fake0123456789fake012345/", "Slack"),
        ("https://hooks.slack.com/services/T0123456789/B0123456789/fake0123456789fake012345", "Slack"),
        ("json://localhost/", "JSON"),
        ("nosuch://localhost/", None),
        ("tgram://no-token", None),
    ],
)
@on_one_database
def test_apprise_knows_the_service_of_an_address(address: str, name: str | None) -> None:
    assert service_name(SecretStr(address)) == name


@on_one_database
def test_a_redirect_is_not_followed(open_target: Callable[..., Listener]) -> None:
    assert send(as_json(open_target(302)), "a text", good=True) == "the service did not take it"


@on_one_database
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_service_that_drips_is_hung_up_on(first: bytes) -> None:
    with dripping_server(first, b"x") as (port, hung_up):
        begin_to_send(f"json://127.0.0.1:{port}/?rto=0.2")

        assert hung_up.wait(PATIENCE_SECONDS)


@on_one_database
@pytest.mark.parametrize("first", [b"", b"220 ready\r\n"])
def test_a_mail_server_that_drips_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(alert_timeouts, "MAX_TALK_SECONDS", 0.5)

    with dripping_server(first, b"2") as (port, hung_up):
        begin_to_send(f"mailto://anna:{MARK}@127.0.0.1:{port}/?from=a@example.org&to=b@example.org")

        assert hung_up.wait(PATIENCE_SECONDS)


def begin_to_send(address: str) -> None:
    """In a thread that nobody waits for, as alerts are sent."""
    threading.Thread(target=send, args=[SecretStr(address), "a text"], kwargs={"good": True}, daemon=True).start()
