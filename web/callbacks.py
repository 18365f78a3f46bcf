"""Where providers call when a job has ended. What they say is a hint to look now, and is never believed."""

import json

from flask import Blueprint, Flask, Response, abort, request
from flask.typing import ResponseReturnValue

from domain.db import utc_now
from domain.generation import callbacks
from domain.generation.callbacks import Heard
from tasks.messages import send_poll
from web.extensions import csrf
from web.refusals import log_refusal

MAX_BODY_BYTES = 64 * 1024
MAX_TOKEN_LENGTH = 64

blueprint = Blueprint("callbacks", __name__)


def init_app(app: Flask) -> None:
    """Add the route; providers have no CSRF token, and the unguessable address stands for one."""
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)


@blueprint.post("/callbacks/<token>")
def hear(token: str) -> ResponseReturnValue:
    """Look at the job soon. 204 for any address of ours, however often and with whatever body; 404 for others."""
    request.max_content_length = MAX_BODY_BYTES
    body = _parsed(request.get_data())
    fits = len(token) <= MAX_TOKEN_LENGTH and token.isalnum()
    heard = callbacks.note(token, body, utc_now()) if fits else Heard.NOBODYS
    if heard is Heard.NOBODYS:
        log_refusal("callback", "unknown")
        abort(404)
    if heard is Heard.LOOK_NOW:
        send_poll()
    return Response(status=204)


def _parsed(text: bytes) -> object:
    """What the body says as JSON, whatever it is called; None where it says nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
