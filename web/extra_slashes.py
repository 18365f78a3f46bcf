"""An address of ours with a slash too many at its end leads to where it leads without, as people type it so.

Only what is looked at: a form would lose what it sends. Programs are told that their address is wrong.
"""

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound

from web.api.openapi import PREFIX

LOOKING_METHODS = {"GET", "HEAD"}


def init_app(app: Flask) -> None:
    """Redirect such requests to ``app``."""
    app.before_request(_lead_to_the_page)


def _lead_to_the_page() -> ResponseReturnValue | None:
    bare = request.path.rstrip("/")
    is_looked_for = isinstance(request.routing_exception, NotFound) and request.method in LOOKING_METHODS
    if not is_looked_for or bare == request.path or request.path.startswith(PREFIX):
        return None
    adapter = current_app.create_url_adapter(request)
    try:
        endpoint, values = adapter.match(bare, method="GET") if adapter else ("", {})
    except HTTPException:
        return None
    # Made from our own routes: an address that was sent could lead to another host.
    address = url_for(endpoint, **values)
    asked = request.query_string.decode("latin-1")
    return redirect(f"{address}?{asked}" if asked else address, code=308)
