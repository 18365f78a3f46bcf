"""How often somebody may fail: to sign in, or to call the API with a token that is none.

A try is counted before it is made, and taken back unless it failed: who signs in all day is never limited.
(Flask-Limiter's ``deduct_when`` counts afterwards: of sixteen tries side by side it lets all sixteen through.)

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

from web import steady_storage  # noqa: F401  # registers the storage
from wire.callers import caller_of

SIGN_INS_OF_ADDRESS = "5/minute; 20/hour"
SIGN_INS_OF_NAME = "10/hour"
UNKNOWN_TOKENS_OF_ADDRESS = "30/minute"


def address_of_caller() -> str:
    """Who is calling, as far as the connection tells; of IPv6 the network, in which one caller has all addresses."""
    return caller_of(request.remote_addr or "")


def name_that_is_tried() -> str:
    """The name of the form, unrecognizable: what stands in that field is a password at times."""
    name = unicodedata.normalize("NFKC", request.form.get("username", "")).strip().casefold()
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
