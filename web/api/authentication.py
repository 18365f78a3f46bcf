"""Who is calling, and whether he may: the token in the Authorization header, and its scopes."""

from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request
from werkzeug.datastructures import Authorization

from domain.accounts.api_tokens import Rights, Scope, Standing, identify, note_use
from domain.db import db, reading, utc_now
from web.api.errors import ApiFault
from web.api.openapi import scopes_of
from web.auth.rate_limits import count_unknown_token
from web.middleware.read_only import READING_METHODS
from web.refusals import log_refusal

#: RFC 6750, section 3.
CHALLENGE = 'Bearer realm="Quatrain"'


@dataclass(frozen=True, slots=True)
class Caller:
    """The token that the present request carries."""

    token_id: int
    token_name: str
    rights: Rights

    @property
    def name(self) -> str:
        """The caller as orders remember it."""
        return f"token:{self.token_name}"

    @property
    def reaches_all_orders(self) -> bool:
        """Whether this request may look at orders of others; what it changes has to be the token's own in any case."""
        return self.rights.allow(Scope.ADMIN_READ) and request.method in READING_METHODS


def require_token() -> None:
    """Note who calls, or raise ``ApiFault``: 401 without a token that serves, 403 where it has no scope for the view.

    Ends its transaction, so that the view begins its own. Tokens that do not serve are limited by address (429,
    ``RateLimitExceeded``). A token is looked for first: one that is good is answered whatever else its address sends,
    and nobody who has one waits for a count.
    """
    authorization = _authorization()
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        log_refusal("API token", "missing")
        raise ApiFault("token_missing", headers={"WWW-Authenticate": CHALLENGE})
    found, standing = _look_up(authorization.token)
    if found is None or standing is not Standing.SERVES:
        # One too many is told as that.
        count_unknown_token()
        log_refusal("API token", standing or "unknown", token=found.token_name if found else None)
        raise ApiFault("token_unknown", headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})
    g.api_caller = found
    _require_scope(found)


def _look_up(token: str) -> tuple[Caller | None, Standing | None]:
    """Whose token it is, and whether it serves; the use of one that does is noted."""
    now = utc_now()
    with reading():
        row = identify(token)
        found = Caller(row.id, row.name, row.rights) if row else None
        standing = row.standing_at(now) if row else None
        if row and standing is Standing.SERVES:
            note_use(row, now)
    db.session.rollback()
    return found, standing


def _require_scope(found: Caller) -> None:
    needed = scopes_of(current_app.view_functions[str(request.endpoint)])
    if not any(found.rights.allow(scope) for scope in needed):
        log_refusal("API token", "scope missing", token=found.token_name, needs=" or ".join(needed))
        challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{needed[0]}"'
        raise ApiFault("scope_missing", headers={"WWW-Authenticate": challenge}, facts={"scope": needed[0]})


def _authorization() -> Authorization | None:
    try:
        return request.authorization
    except ValueError:
        # Werkzeug 3.1.9, of "Basic" with letters that are not ASCII.
        return None


def caller() -> Caller:
    """Who has sent the present request."""
    return cast(Caller, g.api_caller)
