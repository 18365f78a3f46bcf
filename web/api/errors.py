"""Every way in which the API says no: one shape, a code for programs, a sentence for people."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Response
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import HTTPException

from web.api.language import in_callers_language
from web.api.schemas import ErrorAnswer, ErrorBody

#: When to come back, in seconds, for what passes without the caller's doing.
RETRY_AFTER = {"too_many_unknown_tokens": 60, "database_away": 5, "media_away": 5, "storage_full": 60}
#: What tells it too, each time anew.
TELL_WHEN = {*RETRY_AFTER, "quota_used_up"}
MAX_FIELD_LENGTH = 100

FAULTS: dict[str, tuple[HTTPStatus, LazyString]] = {
    "token_missing": (HTTPStatus.UNAUTHORIZED, _("Send an API token: “Authorization: Bearer …”.")),
    "token_unknown": (HTTPStatus.UNAUTHORIZED, _("This API token was never issued, has been revoked or has ended.")),
    "scope_missing": (
        HTTPStatus.FORBIDDEN,
        _("This API token has no scope %(scope)s. The operator can give it one."),
    ),
    "quota_used_up": (
        HTTPStatus.TOO_MANY_REQUESTS,
        _("This API token has placed all the orders that it may place today. Retry-After says when it may again."),
    ),
    "too_many_unknown_tokens": (
        HTTPStatus.TOO_MANY_REQUESTS,
        _("Too many requests with unknown tokens come from this address. Requests with a good one are answered."),
    ),
    "not_json": (HTTPStatus.BAD_REQUEST, _("The body is not JSON in UTF-8.")),
    "doubled_name": (HTTPStatus.BAD_REQUEST, _("A name stands twice in one JSON object.")),
    "idempotency_key_unfit": (
        HTTPStatus.BAD_REQUEST,
        _("Idempotency-Key must have 1 to 255 printable ASCII characters."),
    ),
    "not_an_object": (HTTPStatus.UNPROCESSABLE_ENTITY, _("The body must be a JSON object.")),
    "idempotency_key_reused": (
        HTTPStatus.CONFLICT,
        _("This Idempotency-Key stands for an order that asked for something else."),
    ),
    "order_not_found": (HTTPStatus.NOT_FOUND, _("There is no such order.")),
    "order_erased": (HTTPStatus.GONE, _("This order was erased: its words and works are gone.")),
    "work_not_found": (HTTPStatus.NOT_FOUND, _("The order has no such work, or none yet.")),
    "bad_request": (HTTPStatus.BAD_REQUEST, _("The request cannot be read.")),
    "not_found": (HTTPStatus.NOT_FOUND, _("There is nothing at this address.")),
    "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, _("This address does not take this method.")),
    "too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The body is too large.")),
    "not_sent_as_json": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _("Send the body as Content-Type: application/json.")),
    "range_unfit": (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, _("The work has no such range of bytes.")),
    "internal_error": (HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong here; it has been logged.")),
    "database_away": (HTTPStatus.SERVICE_UNAVAILABLE, _("The database does not answer. Try again in a moment.")),
    "media_away": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("The store of the media files does not answer. Try again in a moment."),
    ),
    "storage_full": (
        HTTPStatus.INSUFFICIENT_STORAGE,
        _("There is no room on the server's disk, and nothing was stored. Try again when the operator has made room."),
    ),
}

#: The code for an error that the framework has raised.
CODES_OF_STATUSES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_sent_as_json",
    416: "range_unfit",
    429: "too_many_unknown_tokens",
    500: "internal_error",
}


class ApiFault(Exception):
    """The request is refused; ``code`` is one of ``FAULTS``, ``field`` what in the request is at fault.

    ``facts`` fill the gaps of its sentence.
    """

    def __init__(
        self,
        code: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})


def answer_fault(fault: ApiFault) -> Response:
    """The answer to a request that we refuse."""
    status, sentence = FAULTS[fault.code]
    with in_callers_language():
        message = str(sentence) % fault.facts if fault.facts else str(sentence)
    pause = {"Retry-After": str(RETRY_AFTER[fault.code])} if fault.code in RETRY_AFTER else {}
    return error_answer(status, fault.code, message, fault.field, {**pause, **fault.headers})


def answer_http_error(error: HTTPException) -> Response:
    """The answer to an error of the framework; its headers (Allow, Content-Range) go with it."""
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    code = CODES_OF_STATUSES.get(status, "bad_request" if status < 500 else "internal_error")
    with in_callers_language():
        message = str(FAULTS[code][1])
    return error_answer(status, code, message, headers=headers)


def error_answer(
    status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error in the API's shape. ``field`` may come from the request: half a surrogate pair cannot be sent back."""
    if field is not None:
        field = field[:MAX_FIELD_LENGTH].encode(errors="replace").decode()
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, field=field))
    response = Response(body.model_dump_json(), status=status, mimetype="application/json")
    response.headers.update(headers or {})
    return response
