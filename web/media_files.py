"""A media file as an answer: whole, or the range that is asked for, from wherever it is kept."""

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from domain.works import media_store


def send_media(
    name: str, content_type: str, *, size_bytes: int, sha256: str, download_name: str, as_attachment: bool = False
) -> Response:
    """The file ``name`` of the store; its ``ETag`` is its SHA-256.

    Raises ``FileNotFoundError``, other ``OSError``s where the store does not answer, and werkzeug's
    ``RequestedRangeNotSatisfiable``.
    """
    file = media_store().open(name)
    response: Response = send_file(
        file,
        mimetype=content_type,
        as_attachment=as_attachment,
        download_name=download_name,
        etag=sha256,
        conditional=False,
    )
    response.content_length = size_bytes
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size_bytes)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise
    return response
