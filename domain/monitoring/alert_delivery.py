"""Brings alerts to those who want them: as JSON to ``ALERT_WEBHOOK_URL``, as a text to each address of ``ALERT_URLS``.

Each of these targets is told of each alert until that has arrived. One that is dead, or never answers, harms nothing,
delays no other one, and hears later what it missed.
"""

import queue
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import requests
import structlog
from flask import Flask, current_app
from pydantic import SecretStr
from sqlalchemy import Select, select, update

from domain.db import db, utc_now
from domain.monitoring import alert_targets
from domain.monitoring.alert_targets import Target
from domain.monitoring.alerts import Alert, Delivery, sentence
from domain.secrets.redaction import redactor
from providers.http.deadline import DeadlineAdapter
from providers.http.sessions import new_session
from settings import current_settings

log = structlog.get_logger(__name__)

#: For the connection to a webhook, and for all of its answer, however steadily that drips.
TIMEOUT_SECONDS = 5.0
#: Nobody waits longer than that for a target; what arrives later is still written down as delivered.
MAX_SECONDS = 10.0
#: Pauses between the tries of one alert; after the last it is given up.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 60, 60, 180, 360, 720))
#: What is older than that is news no more, such as what was noted before anybody wanted to be told.
LONGEST = timedelta(days=2)
BATCH = 20
TEST = "this is a test: alerts arrive here"

Facts = dict[str, Any]
#: What the database knows of an alert on its way to one target: that of the webhook is the alert itself.
OnItsWay = Alert | Delivery


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a test alert. ``why_not`` is None where it arrived; neither text holds an address."""

    target: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class _Channel:
    """The way to one target: the webhook, or ``target``."""

    address: SecretStr
    target: Target | None = None

    @property
    def key(self) -> str:
        return self.target.id if self.target else ""

    @property
    def name(self) -> str:
        if self.target is None:
            return "ALERT_WEBHOOK_URL"
        return f"{self.target.number}. {alert_targets.service_name(self.address) or 'unknown service'}"

    def post(self, facts: Facts) -> str | None:
        """Why it did not arrive, or None; never raises, and may take long."""
        if self.target is None:
            return _post(self.address.get_secret_value(), facts)
        return alert_targets.send(self.address, facts["text"], good=facts["over"], receiver=self.target.receiver)


_Posted = tuple[_Channel, str | None]
#: Which row a message is about, for another thread: the row itself belongs to this one.
_Place = tuple[type[OnItsWay], int]
#: Who holds a channel's lock is posting: no second thread of this process waits for a target that does not answer.
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def deliver(now: datetime) -> int:
    """Tell each target what is due, oldest first, and return how many messages arrived; commits before and after each.

    Does nothing where neither ``ALERT_WEBHOOK_URL`` nor ``ALERT_URLS`` is set. An alert is posted to a target by one
    process at a time; one whose answer got lost is posted again, to the webhook with the same ``id``. The first that
    fails ends the round of its target: the others would fail as well. Ends ``MAX_SECONDS`` after the last arrival;
    what arrives after that is not returned, and written down all the same.
    """
    posted: queue.SimpleQueue[_Posted] = queue.SimpleQueue()
    under_way = {each.key: each for each in _channels() if _begin_next(each, now, posted)}
    arrived = Counter[str]()
    while under_way:
        try:
            channel, why_not = posted.get(timeout=MAX_SECONDS)
        except queue.Empty:
            for channel in under_way.values():
                log.warning("alert not delivered", target=channel.name, why=_no_answer())
            break
        del under_way[channel.key]
        if why_not is not None:
            log.warning("alert not delivered", target=channel.name, why=why_not)
            continue
        arrived[channel.key] += 1
        if arrived[channel.key] < BATCH and _begin_next(channel, now, posted):
            under_way[channel.key] = channel
    return arrived.total()


def try_out(now: datetime) -> list[Arrival]:
    """Send each target a test alert, which is kept nowhere, and tell what became of it, the webhook's first."""
    facts: Facts = {
        "id": None,
        "at": now.isoformat(),
        "event": "test",
        "over": False,
        "stage_type": None,
        "reason": None,
    }
    facts |= {"since": now.isoformat(), "waiting": 0, "text": TEST}
    posted: queue.SimpleQueue[_Posted] = queue.SimpleQueue()
    channels = _channels()
    for each in channels:
        _begin(each, facts, posted)
    ends: dict[str, str | None] = {}
    while len(ends) < len(channels):
        try:
            channel, ends[channel.key] = posted.get(timeout=MAX_SECONDS)
        except queue.Empty:
            break
    return [Arrival(each.name, ends.get(each.key, _no_answer())) for each in channels]


def _channels() -> list[_Channel]:
    webhook = current_settings().alert_webhook_url
    first = [_Channel(webhook)] if webhook else []
    return first + [_Channel(target.address, target) for target in alert_targets.configured()]


def _begin_next(channel: _Channel, now: datetime, posted: queue.SimpleQueue[_Posted]) -> bool:
    """Begin to post what is due for this channel; False if nothing is, or an earlier post still goes on."""
    if _turns[channel.key].locked() or (row := _take(channel, now)) is None:
        return False
    facts, place = _facts(row if isinstance(row, Alert) else row.alert), (type(row), row.id)
    db.session.commit()
    return _begin(channel, facts, posted, place)


def _begin(channel: _Channel, facts: Facts, posted: queue.SimpleQueue[_Posted], place: _Place | None = None) -> bool:
    """Post in a thread of its own, which puts the end into ``posted``; False if an earlier post still goes on.

    The thread writes down at ``place`` that it has arrived: by then this round may be over.
    """
    turn = _turns[channel.key]
    if not turn.acquire(blocking=False):
        return False
    cleaned = redactor.clean_all(facts)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a thread needs the application itself

    def post() -> None:
        try:
            why_not = channel.post(cleaned)
            if why_not is None and place is not None:
                with app.app_context():
                    _note_arrival(*place)
        finally:
            turn.release()
        posted.put((channel, why_not))

    # A daemon, so that no process that is to end waits for a target that never answers.
    threading.Thread(target=post, name="alert", daemon=True).start()
    return True


def _note_arrival(kind: type[OnItsWay], row_id: int) -> None:
    db.session.execute(update(kind).where(kind.id == row_id).values(delivered_at=utc_now(), next_try_at=None))
    db.session.commit()


def _take(channel: _Channel, now: datetime) -> OnItsWay | None:
    """The oldest alert that is due for this channel; nobody else takes it before its next try."""
    row: OnItsWay | None = db.session.scalar(_due(channel, now))
    if row is not None:
        row.next_try_at = now + PAUSES[row.tries] if row.tries < len(PAUSES) else None
        row.tries += 1
    db.session.commit()
    return row


def _due(channel: _Channel, now: datetime) -> Select[Any]:
    row: type[OnItsWay] = Delivery if channel.target else Alert
    due: Select[Any] = select(row).where(row.next_try_at <= now, Alert.at > now - LONGEST)
    if channel.target:
        due = due.join(Delivery.alert).where(Delivery.target == channel.key)
    return due.order_by(row.id).limit(1).with_for_update(of=row, skip_locked=True)


def _facts(alert: Alert) -> Facts:
    return {
        "id": alert.id,
        "at": alert.at.isoformat(),
        "event": alert.trouble,
        "over": alert.over,
        "stage_type": alert.stage_type,
        "reason": alert.reason,
        "since": alert.since.isoformat(),
        "waiting": alert.waiting,
        "text": sentence(alert),
    }


def _post(url: str, facts: Facts) -> str | None:
    try:
        # Without netrc and a proxy of the environment, as the address itself is the target's secret.
        with new_session(DeadlineAdapter(max_retries=0)) as session:
            answer = session.post(url, json=facts, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True)
            answer.close()
    except (requests.RequestException, OSError, ValueError) as error:
        return type(error).__name__
    return None if answer.ok and answer.status_code >= HTTPStatus.OK else f"status {answer.status_code}"


def _no_answer() -> str:
    return f"no answer within {MAX_SECONDS:.0f} s"
