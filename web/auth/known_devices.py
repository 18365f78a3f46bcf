"""Devices on which somebody has signed in before: guessing by strangers holds up none of them.

After a good sign-in the browser gets a cookie that stands for it and that name, as OWASP describes
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies). It opens nothing: with it
failures are counted for this browser alone, without it together with everybody else's (web/auth/rate_limits.py). It
holds no name in clear, and ends with a new password, with "Sign out everywhere" and after half a year, but not with
signing out.
"""

import hashlib
import secrets
from datetime import timedelta

from flask import current_app, g, request
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from werkzeug import Response

from domain.accounts import administrators
from domain.db import reading
from settings import current_settings
from web.auth.rate_limits import typed_name, unrecognizable
from web.config import is_https

LIVES = timedelta(days=180)
INVITATION_LIVES = timedelta(minutes=15)
#: So many people may share a browser and each be known on it.
MAX_NAMES = 4
BETWEEN = ":"


def known_device() -> str:
    """What the present form's device is counted by; empty unless somebody of the form's name has signed in on it.

    The database is asked only about who holds a good cookie for that name: for all others it takes as long whether
    somebody has the name or not.
    """
    if "known_device" not in g:
        g.known_device = _find_device(typed_name())
    return str(g.known_device)


def is_known() -> bool:
    """Whether somebody of the form's name has signed in on this device."""
    return bool(known_device())


def is_unknown() -> bool:
    """Whether nobody has."""
    return not is_known()


def remember(response: Response, username: str, epoch: int) -> None:
    """Let the browser that gets ``response`` be known as a device of that administrator from now on."""
    add_mark(response, new_mark(username, epoch))


def new_mark(username: str, epoch: int) -> str:
    """What stands for one device and one administrator, signed. ``epoch`` is the administrator's."""
    return _signer(username).sign(f"{epoch}-{secrets.token_urlsafe(12)}").decode()


def add_mark(response: Response, mark: str) -> None:
    """Put ``mark`` into the cookie, before those of others who have signed in there."""
    settings = current_settings()
    marks = [mark, *(each for each in _marks() if each != mark)]
    response.set_cookie(
        cookie_name(),
        BETWEEN.join(marks[:MAX_NAMES]),
        max_age=LIVES,
        secure=is_https(settings),
        httponly=True,
        samesite="Lax",
    )


def invitation(username: str, epoch: int) -> str:
    """What makes a device known that opens ``/admin/login?device=…`` with it within ``INVITATION_LIVES``.

    Opened on several devices it makes them count as one, so that it gives nobody more guesses than one device has.
    """
    return str(_invitations().dumps(new_mark(username, epoch)))


def accept_invitation(response: Response, told: str) -> bool:
    """Make the browser that gets ``response`` known; false for what is no invitation or is too old."""
    try:
        mark = _invitations().loads(told, max_age=int(INVITATION_LIVES.total_seconds()))
    except BadSignature:
        return False
    add_mark(response, mark)
    return True


def cookie_name() -> str:
    """What the browser keeps it under; over HTTPS it is bound to the host."""
    return "__Host-device" if is_https(current_settings()) else "device"


def _marks() -> list[str]:
    return [each for each in request.cookies.get(cookie_name(), "").split(BETWEEN)[:MAX_NAMES] if each]


def _find_device(username: str) -> str:
    signer = _signer(username)
    for mark in _marks():
        try:
            known = signer.unsign(mark, max_age=int(LIVES.total_seconds())).decode()
        except BadSignature:
            continue
        epoch, _, device = known.partition("-")
        with reading():
            administrator = administrators.find_by_name(username)
        if administrator is not None and str(administrator.epoch) == epoch:
            return device
    return ""


def _signer(username: str) -> TimestampSigner:
    """Good for marks of that name alone, so that they need not hold it."""
    salt = f"device of {unrecognizable(username)}"
    return TimestampSigner(_secret(), salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)


def _invitations() -> URLSafeTimedSerializer:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(_secret(), salt="invitation of a device", signer_kwargs=options)


def _secret() -> str:
    return str(current_app.secret_key)
