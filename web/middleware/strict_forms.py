"""What a form that is sent to us must look like before its values are read at all."""

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from flask import Flask, abort, request

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
PAGES_WITH_FORMS = {"admin", "auth"}


def init_app(app: Flask) -> None:
    """Read the forms of ``app`` strictly. Must come before the check of forms, which reads whatever there is."""
    app.before_request(_read_strictly)


def accept_form(fields: Collection[str], repeated: Collection[str] = ()) -> None:
    """Let a form with these ``fields`` pass, each at most once but for the ``repeated`` ones.

    Aborts with 415 for a body that is no form, and with 400 for what none of our pages can send.
    """
    if request.mimetype not in {URLENCODED, MULTIPART}:
        abort(415)
    known = {*fields, *repeated, "csrf_token"}
    if request.files or not set(request.form) <= known:
        abort(400)
    if any(len(values) > 1 and name not in repeated for name, values in request.form.lists()):
        abort(400)


def _read_strictly() -> None:
    """Abort with 413 where Werkzeug 3.1.9 would cut the form off, and with 400 where it would change what was sent.

    Bytes that are no UTF-8 come out of it as other characters, which could pass for a key.
    """
    if request.blueprint not in PAGES_WITH_FORMS or request.mimetype not in {URLENCODED, MULTIPART}:
        return
    sent = request.get_data()
    # A chunked body, whose length is not known beforehand, ends at the limit in silence.
    if request.content_length != len(sent) >= (request.max_content_length or 0):
        abort(413)
    try:
        (unquote_to_bytes(sent) if request.mimetype == URLENCODED else sent).decode()
    except UnicodeDecodeError:
        abort(400)
