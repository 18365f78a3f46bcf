"""Brings alerts to the address that wants them, as JSON. A dead target harms nothing and hears later what it missed."""

from datetime import datetime, timedelta

import requests
import structlog
from sqlalchemy import select

from domain.alerts import Alert, sentence
from domain.db import db, utc_now
from domain.redaction import redactor
from settings import current_settings

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 5.0
#: Pauses between the tries of one alert; after the last it is given up.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 60, 60, 180, 360, 720))
#: What is older than that is news no more, such as what was noted before anybody wanted to be told.
LONGEST = timedelta(days=2)
BATCH = 20


def deliver(now: datetime) -> int:
    """Post the alerts that are due, oldest first, and return how many arrived; commits before and after each.

    Does nothing where ``ALERT_WEBHOOK_URL`` is not set. An alert is posted by one process at a time; one whose answer
    got lost is posted again, with the same ``id``. The first that fails ends the round: the others would fail as well.
    """
    target = current_settings().alert_webhook_url
    if target is None:
        return 0
    arrived = 0
    while arrived < BATCH and (alert := _take(now)) is not None:
        if not _post(target.get_secret_value(), alert):
            break
        alert.delivered_at, alert.next_try_at = utc_now(), None
        db.session.commit()
        arrived += 1
    return arrived


def _take(now: datetime) -> Alert | None:
    """The oldest alert that is due; nobody else takes it before its next try."""
    due = select(Alert).where(Alert.next_try_at <= now, Alert.at > now - LONGEST).order_by(Alert.id).limit(1)
    alert = db.session.scalar(due.with_for_update(skip_locked=True))
    if alert is not None:
        alert.next_try_at = now + PAUSES[alert.tries] if alert.tries < len(PAUSES) else None
        alert.tries += 1
    db.session.commit()
    return alert


def _post(url: str, alert: Alert) -> bool:
    body = {
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
    db.session.commit()
    try:
        with requests.Session() as session:
            # No netrc and no proxy of the environment: the address itself is the target's secret.
            session.trust_env = False
            answer = session.post(
                url, json=redactor.clean_all(body), timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            answer.close()
    except (requests.RequestException, OSError, ValueError) as error:
        log.warning("alert not delivered", alert_id=body["id"], error=type(error).__name__)
        return False
    if not answer.ok:
        log.warning("alert not delivered", alert_id=body["id"], status=answer.status_code)
    return bool(answer.ok)
