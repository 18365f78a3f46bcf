"""What a request to change something must look like before its values are read at all."""

from collections.abc import Collection

from flask import abort, request

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


def accept_form(fields: Collection[str], repeated: Collection[str] = ()) -> None:
    """Let a form with these ``fields`` pass, each at most once but for the ``repeated`` ones.

    Aborts with 415 for a body that is no form, and with 400 for what none of our pages can send.
    """
    if request.mimetype not in FORM_TYPES:
        abort(415)
    known = {*fields, *repeated, "csrf_token"}
    if request.files or not set(request.form) <= known:
        abort(400)
    if any(len(values) > 1 and name not in repeated for name, values in request.form.lists()):
        abort(400)
