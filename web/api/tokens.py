"""Who is calling: the token in the Authorization header."""

from flask import g, request
from werkzeug.datastructures import Authorization

from domain.accounts import find_api_token, note_use
from domain.db import db, reading, utc_now
from web.api.errors import ApiFault
from web.limits import count_unknown_token


def require_token() -> None:
    """Note who calls, or raise ``ApiFault`` with 401. Ends its transaction, so that the view begins its own.

    Unknown tokens are limited by address (429, ``RateLimitExceeded``). A token is looked for first: one that is good
    is answered whatever else its address sends, and nobody who has one waits for a count.
    """
    authorization = _authorization()
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise ApiFault("token_missing", headers={"WWW-Authenticate": 'Bearer realm="Quatrain"'})
    with reading():
        token = find_api_token(authorization.token)
        name = token.name if token else None
        if token:
            note_use(token, utc_now())
    db.session.rollback()
    if name is None:
        count_unknown_token()
        challenge = 'Bearer realm="Quatrain", error="invalid_token"'
        raise ApiFault("token_unknown", headers={"WWW-Authenticate": challenge})
    g.api_caller = f"token:{name}"


def _authorization() -> Authorization | None:
    try:
        return request.authorization
    except ValueError:
        # Werkzeug 3.1.9, of "Basic" with letters that are not ASCII.
        return None


def caller() -> str:
    """The caller as orders remember it."""
    return str(g.api_caller)
