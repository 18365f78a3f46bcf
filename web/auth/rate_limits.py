"""How often somebody may fail: to sign in, or to call the API with a token that is none.

A try is counted before it is made, and taken back unless it failed: who signs in all day is never limited.
(Flask-Limiter's ``deduct_when`` counts afterwards: of sixteen tries side by side it lets all sixteen through.)

A stranger's failures never keep out who signs in where they have signed in before: such a device
(web/auth/known_devices.py) has a count of its own, and no other. All other devices are counted by address, by name and
address, and by name.

Counts live in Redis and in each web process (``SteadyStorage``); emptying Redis (FLUSHALL) and restarting the web
processes forgets them. No count locks anybody out for longer than its span.
"""

import hashlib
import hmac
import math
import time
import unicodedata

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter

from web.auth import rate_limit_storage  # noqa: F401  # registers the storage
from wire.callers import caller_of

SIGN_INS_OF_DEVICE = "5/minute; 20/hour; 50/day"
SIGN_INS_OF_ADDRESS = "5/minute; 20/hour"
#: So much less than of the name that fewer than five addresses hold up nobody but themselves.
SIGN_INS_OF_NAME_AT_ADDRESS = "10/hour; 20/day"
#: Of all unknown devices together, wherever they are. NIST SP 800-63B (5.2.2) lets an account be tried a hundred times.
SIGN_INS_OF_NAME = "50/hour; 100/day"
#: Of who has signed in, and gives the password once more.
PASSWORDS_OF_SESSION = "5/minute; 20/hour"  # no password, but how often one may be wrong
UNKNOWN_TOKENS_OF_ADDRESS = "30/minute"


def address_of_caller() -> str:
    """Who is calling, as far as the connection tells; of IPv6 the network, in which one caller has all addresses."""
    return caller_of(request.remote_addr or "")


def typed_name() -> str:
    """The name of the form, as it was typed."""
    return request.form.get("username", "")


def name_that_is_tried() -> str:
    """The name of the form, unrecognizable: what stands in that field is a password at times."""
    return unrecognizable(typed_name())


def name_at_address() -> str:
    """That name as it is tried from that address."""
    return f"{name_that_is_tried()} {address_of_caller()}"


def unrecognizable(username: str) -> str:
    """The same for all spellings of a name, and nothing that would tell it."""
    name = unicodedata.normalize("NFKC", username).strip().casefold()
    key = str(current_app.secret_key).encode()
    return hmac.digest(key, name.encode(errors="surrogatepass"), hashlib.sha256).hex()


limiter = Limiter(address_of_caller, storage_uri="quatrain://", strategy="fixed-window")


def init_app(app: Flask) -> None:
    """Count in ``app``; must come after the check of forms: a forged one counts against nobody."""
    limiter.init_app(app)
    app.after_request(_take_back_unless_failed)


@limiter.shared_limit(UNKNOWN_TOKENS_OF_ADDRESS, scope="unknown tokens")
def count_unknown_token() -> None:
    """Count one more of this address. Raises ``RateLimitExceeded`` when it was one too many."""
    keep_count()


def keep_count() -> None:
    """The present try has failed: it stays counted."""
    g.has_failed = True


def seconds_to_wait() -> int:
    """How long the limit that the present request has met goes on holding."""
    met = limiter.current_limit
    return max(1, math.ceil(met.window.reset_time - time.time())) if met else 1


def _take_back_unless_failed(response: Response) -> Response:
    if not g.get("has_failed"):
        for each in limiter.current_limits:
            limiter.storage.incr(each.key, each.limit.get_expiry(), -1)
    return response
