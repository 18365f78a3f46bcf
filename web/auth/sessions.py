"""The session of who has signed in: what its cookie holds, and when it is over.

The cookie is signed, not sealed, and a copy of it is as good as itself. So each request asks for everything that ends a
session: its two time limits, whether it was signed out, and whether all of that administrator's were ended.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from flask import request, session

from domain.accounts import administrators, open_sessions
from domain.db import utc_now
from settings import current_settings
from web.auth.browser_names import browser_name
from web.auth.rate_limits import address_of_caller, unrecognizable

#: What says who has signed in; the rest (the token of forms, messages) is of no account.
IDENTITY = ("administrator_id", "epoch", "session_id", "signed_in_at", "seen_at")
#: What outlives a session whose time is over: an open form's token stays good for signing in, and what somebody has
#: typed is still theirs when they sign in again. All else, such as messages, was for who had signed in.
OUTLIVES = ("csrf_token", "drafts", "is_over")
#: Which part of the idle time may pass before the cookie is written again.
EXACTNESS = 30
DIGITS_OF_A_NAME = 16
#: Answers that pages ask for by themselves. See static/live.js and the meta refresh of pages without JavaScript.
LIVE_ENDPOINTS = {"admin.section"}
LIVE_ARGUMENTS = {"part", "live"}


def begin(administrator: administrators.Administrator) -> None:
    """A new session, whatever came before; it holds who signed in and nothing of theirs.

    The caller's transaction has to be one of ``reading``.
    """
    drafts = _drafts_of(administrator.username)
    session.clear()
    session.permanent = True
    session.update(contents(administrator.id, administrator.epoch), drafts=drafts)
    open_sessions.forget_old(utc_now())
    _write_down()


def contents(administrator_id: int, epoch: int) -> dict[str, Any]:
    """What a session that begins now holds. Times are in seconds since 1970."""
    now = utc_now().timestamp()
    values = (administrator_id, epoch, secrets.token_urlsafe(16), now, now)
    return dict(zip(IDENTITY, values, strict=True))


def find_signed_in() -> administrators.Administrator | None:
    """Whose session this is; None if it is nobody's or over. One query at the most."""
    if not _is_whole() or not _is_in_time(utc_now().timestamp()):
        return None
    return administrators.find_administrator(session["administrator_id"], session["epoch"], session["session_id"])


def note_use() -> None:
    """Put off the end of the idle time, unless the page has asked by itself.

    The caller's transaction has to be one of ``reading``.
    """
    if request.endpoint in LIVE_ENDPOINTS or LIVE_ARGUMENTS & set(request.args):
        return
    now = utc_now().timestamp()
    if not 0 <= now - session["seen_at"] < _idle_seconds() / EXACTNESS:
        session["seen_at"] = now
        _write_down()


def counted_by() -> str:
    """What the failures of this session are counted by."""
    return str(session.get("session_id", ""))


def is_nobodys() -> bool:
    """Whether nobody has signed in with this session; whether it is over is not asked."""
    return not counted_by()


def note_that_it_is_over() -> bool:
    """Forget who had signed in, if anybody, and remember to say so.

    Returns whether somebody has ended it, here or elsewhere, before its time: then drafts are forgotten as well.
    """
    if not set(IDENTITY) & set(session):
        return False
    was_ended = _is_whole() and _is_in_time(utc_now().timestamp())
    kept = {name: session[name] for name in OUTLIVES if name in session and not (was_ended and name == "drafts")}
    session.clear()
    session.permanent = True
    session.update(kept, is_over=True)
    return was_ended


def is_over() -> bool:
    """Whether this browser had a session that has ended, and nobody has signed in since."""
    return bool(session.get("is_over"))


def end() -> None:
    """Sign out: neither this cookie nor a copy of it serves any more. Commits."""
    session_id, signed_in_at = session["session_id"], session["signed_in_at"]
    session.clear()
    open_sessions.end(session_id, datetime.fromtimestamp(signed_in_at, UTC), utc_now())


def end_everywhere() -> None:
    """Sign out this browser and every other one of the same administrator. Commits."""
    administrators.end_all_sessions(session["administrator_id"])
    session.clear()


def _drafts_of(username: str) -> str:
    """What the browser keeps their drafts under: no secret, another one for everybody, and new after signing out."""
    whose = unrecognizable(username)[:DIGITS_OF_A_NAME]
    known = str(session.get("drafts", ""))
    return known if known.startswith(f"{whose}-") else f"{whose}-{secrets.token_urlsafe(8)}"


def _write_down() -> None:
    """For the administrator's own list of sessions."""
    use = open_sessions.Use(
        session_id=session["session_id"],
        administrator_id=session["administrator_id"],
        epoch=session["epoch"],
        signed_in_at=datetime.fromtimestamp(session["signed_in_at"], UTC),
        seen_at=datetime.fromtimestamp(session["seen_at"], UTC),
        address=address_of_caller(),
        device=browser_name(request.user_agent.string),
    )
    open_sessions.note_use(use)


def _is_whole() -> bool:
    """Sessions of earlier releases are not."""
    return all(name in session for name in IDENTITY)


def _is_in_time(now: float) -> bool:
    longest = current_settings().session_hours * 3600
    signed_in_at: float = session["signed_in_at"]
    seen_at: float = session["seen_at"]
    return now - signed_in_at < longest and now - seen_at < _idle_seconds()


def _idle_seconds() -> float:
    return current_settings().session_idle_minutes * 60
