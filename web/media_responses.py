"""A media file as an answer: whole, or the range that is asked for, from wherever it is kept."""

from io import BytesIO

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from domain.orders.works import EXTENSIONS, media_store

#: What a provider has made is shown by itself: it runs nothing, sends nothing and reaches nothing of ours. Without
#: ``allow-same-origin`` browsers would not fetch a film for the page that they show it on.
MEDIA_CSP = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"


def send_media(
    name: str, content_type: str, *, size_bytes: int, sha256: str, download_name: str, as_attachment: bool = False
) -> Response:
    """The file ``name`` of the store; its ``ETag`` is its SHA-256. What is no sound and no film is only to be saved.

    Raises ``FileNotFoundError``, other ``OSError``s where the store does not answer, and werkzeug's
    ``RequestedRangeNotSatisfiable``.
    """
    file = media_store().open(name)
    is_media = content_type in EXTENSIONS
    response: Response = send_file(
        file,
        mimetype=content_type if is_media else "application/octet-stream",
        as_attachment=as_attachment or not is_media,
        download_name=download_name,
        etag=sha256,
        conditional=False,
    )
    response.content_length = size_bytes
    response.headers["Content-Security-Policy"] = MEDIA_CSP
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size_bytes)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise
    return response


def send_text(text: str, sha256: str, download_name: str | None = None) -> Response:
    """A poem as plain text; as a file of this name, where there is one."""
    response: Response = send_file(
        BytesIO(text.encode()),
        mimetype="text/plain",
        as_attachment=download_name is not None,
        download_name=download_name,
        etag=sha256,
        conditional=True,
    )
    response.headers["Content-Security-Policy"] = MEDIA_CSP
    return response
