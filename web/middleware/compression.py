"""Our own static files travel compressed: Bootstrap's sheet alone is 230 kB of text.

Pages do not: they hold secrets of the session beside what somebody else may have written, and their compressed size
would tell of both.
"""

import gzip
from functools import cache

from flask import Flask, Response, request

ENDPOINTS = {"static", "bootstrap.static"}
TYPES = {"text/css", "text/javascript", "application/javascript", "image/svg+xml"}


def init_app(app: Flask) -> None:
    """Compress the static files of ``app`` for whoever takes that."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint not in ENDPOINTS or response.mimetype not in TYPES:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
        response.direct_passthrough = False
        response.set_data(_compressed(response.get_data()))
        response.content_encoding = "gzip"
        # Weak: it means the same as the file, and is another byte for byte. Who asks with it is told 304 all the same.
        response.set_etag(str(response.get_etag()[0]), weak=True)
    return response


@cache
def _compressed(data: bytes) -> bytes:
    """There are a dozen of them: each costs its time once in a process."""
    return gzip.compress(data)
