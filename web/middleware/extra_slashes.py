"""An address of ours with a slash too many leads to where it leads without, as people type it so.

At its end only what is looked at: a form would lose what it sends. Programs are told that their address is wrong.

No redirect names a host or a scheme: what a request says of them is the word of whoever sent it.
"""

from functools import partial
from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

LOOKING_METHODS = {"GET", "HEAD"}


def init_app(app: Flask, programs: str) -> None:
    """Redirect such requests to ``app``; ``programs``: below this path are those that are told."""
    app.before_request(partial(_lead_to_the_page, programs))


def _lead_to_the_page(programs: str) -> ResponseReturnValue | None:
    if isinstance(request.routing_exception, RequestRedirect):
        return _redirect_within(request.routing_exception.new_url)
    bare = request.path.rstrip("/")
    is_looked_for = isinstance(request.routing_exception, NotFound) and request.method in LOOKING_METHODS
    if not is_looked_for or bare == request.path or request.path.startswith(programs):
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


def _redirect_within(address: str) -> ResponseReturnValue:
    """To the path of ``address``, whatever its host: that is the one of the request."""
    split = urlsplit(address)
    path = "/" + split.path.lstrip("/")
    return redirect(f"{path}?{split.query}" if split.query else path, code=308)
