"""Pages for what goes wrong, each with a way on; the JSON API answers in its own shape."""

from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, g, render_template, request, session, url_for
from flask_babel import format_timedelta, gettext
from flask_babel import lazy_gettext as _
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, TooManyRequests

from domain.db import has_no_room
from domain.media.bucket import MediaStoreAway
from web.api.errors import FAULTS, RETRY_AFTER, ApiFault, answer_fault, answer_http_error
from web.auth import rate_limits
from web.middleware.security_headers import BAD_HOST_ERRORS
from web.refusals import asked_path, log_refusal, where_from

log = structlog.get_logger(__name__)

API_PATH = "/api/"

#: A heading and what to do, for each status that we answer with.
PAGES = {
    400: (_("The request cannot be read"), _("Go back, reload the page and try once more.")),
    403: (_("This is not allowed"), _("You may not do this.")),
    404: (_("There is no such page"), _("The address is wrong, or what was there is gone.")),
    405: (_("This address is not a page"), _("It only takes what a form sends.")),
    410: (_("This was erased"), _("The words and works of this order are gone. What stays is on the order's page.")),
    413: (_("Too much was sent"), _("Go back and make the text shorter.")),
    415: (_("Only forms can be sent here"), _("Programs use the API under /api/v1.")),
    416: (_("There is no such part"), _("The file is shorter than what was asked for.")),
    429: (_("Too many tries"), _("Wait a minute, then try again.")),
    500: (_("Something went wrong here"), _("It has been written to the log. Try once more in a minute.")),
    503: (
        _("The database does not answer"),
        _("Try again in a moment. If you were sending a form, look first whether it was saved."),
    ),
    507: (
        _("There is no room on the disk"),
        _("Nothing was saved; what was saved before is safe. Make room on the server, then try again."),
    ),
}
STORE_AWAY = (_("The store of the media files does not answer"), _("Nothing is lost. Try again in a moment."))
STRANGE_NAME = _("Quatrain is not served under this name. The operator can add it to TRUSTED_HOSTS.")
OUTDATED_FORM = (
    _("The page is out of date"),
    _("Nothing was saved. Go back and send it once more; sign in again if you are asked to."),
)


def init_app(app: Flask) -> None:
    """Answer every error of ``app`` with a page of ours."""
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(RateLimitExceeded, _answer_limit)
    app.register_error_handler(Exception, _answer_crash)
    for failure in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(failure, _answer_database_failure)
    app.register_error_handler(MediaStoreAway, _answer_store_away)


def _answer_http_error(error: HTTPException) -> Response:
    if request.path.startswith(API_PATH):
        return answer_http_error(error)
    if isinstance(error, BAD_HOST_ERRORS):
        # In plain words: a page has links, and nobody knows where they would lead under that name.
        return Response(str(STRANGE_NAME), status=400, mimetype="text/plain")
    if isinstance(error, CSRFError):
        # Whose session it is stands in its cookie; the database need not be asked for a name.
        log_refusal("form token", str(error.description), administrator_id=session.get("administrator_id"))
    status = error.code or 500
    response = _page(status, *_words_for(error, status))
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name.lower() not in {"content-type", "content-length"}
    )
    return response


def _words_for(error: HTTPException, status: int) -> tuple[object, object]:
    if isinstance(error, CSRFError):
        return OUTDATED_FORM
    heading, advice = PAGES.get(status, PAGES[400 if status < 500 else 500])
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        when = format_timedelta(error.retry_after, granularity="second", add_direction=True)
        return heading, gettext("Try again %(when)s.", when=when)
    return heading, advice


def _answer_limit(error: RateLimitExceeded) -> Response:
    error.retry_after = rate_limits.seconds_to_wait()
    facts = {"limit": str(error.limit.limit), "retry_after": error.retry_after}
    log.warning("too many failures", **facts, **where_from())
    return _answer_http_error(error)


def _answer_crash(error: Exception) -> Response:
    log.error("request failed", path=asked_path(), method=request.method, exc_info=error)
    return _answer_http_error(_InternalError())


def _answer_database_failure(error: Exception) -> Response:
    code = "storage_full" if has_no_room(error) else "database_away"
    # The driver's first line says what is wrong; the rest is the statement.
    reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
    log.error("database fails", code=code, path=asked_path(), error=type(error).__name__, reason=reason)
    return _answer_outage(code, *PAGES[FAULTS[code][0]])


def _answer_store_away(error: Exception) -> Response:
    log.error("media store does not answer", path=asked_path(), reason=str(error))
    return _answer_outage("media_away", *STORE_AWAY)


def _answer_outage(code: str, heading: object, advice: object) -> Response:
    if request.path.startswith(API_PATH):
        return answer_fault(ApiFault(code))
    response = _page(FAULTS[code][0], heading, advice)
    response.headers["Retry-After"] = str(RETRY_AFTER[code])
    return response


def _page(status: int, heading: object, advice: object) -> Response:
    # The page asks the database nothing: it may be the database that is away.
    page = render_template("error.html", status=status, heading=heading, advice=advice, back=_page_before())
    return Response(page, status=status)


def _page_before() -> str | None:
    """The page of ours whose link or form led here; None if the browser names none, or the very page that failed.

    Made from our own routes: nobody is told a text of his own, and what he has asked for only who is signed in.
    """
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:  # a bracket without its pair, for one
        return None
    adapter = current_app.create_url_adapter(request)
    if adapter is None or came_from.netloc != request.host or not came_from.path.startswith("/admin"):
        return None
    if request.method == "GET" and came_from.path == request.path:
        return None
    try:
        endpoint, values = adapter.match(came_from.path, method="GET")
    except HTTPException:
        return None
    address = url_for(endpoint, **values)
    return f"{address}?{came_from.query}" if came_from.query and g.get("actor") else address


class _InternalError(HTTPException):
    code = 500
