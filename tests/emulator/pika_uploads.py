"""PIKA's uploads: an address to put a file to, with exactly the headers that were given and no key."""

import secrets
from typing import Any

from flask import Request, Response, jsonify

LARGEST = {"image": 20_000_000, "audio": 20_000_000, "video": 50_000_000}


class Uploads:
    """``files`` are those that have arrived, by name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._granted: dict[str, dict[str, str]] = {}

    def grant(self, asked: Any, root: str) -> Response:
        """An address for what ``asked`` describes, under ``root``; 413 for too much, 415 for no medium."""
        content_type = asked.get("content_type") if isinstance(asked, dict) else None
        size = asked.get("size_bytes") if isinstance(asked, dict) else None
        if not isinstance(content_type, str) or type(size) is not int:
            return _refuse(422, "content_type and size_bytes are required")
        largest = LARGEST.get(content_type.partition("/")[0])
        if largest is None:
            return _refuse(415, "unsupported content type")
        if not 0 < size <= largest:
            return _refuse(413, "file too large")
        name = secrets.token_hex(12)
        self._granted[name] = {"Content-Type": content_type, "Content-Length": str(size)}
        return jsonify(
            {
                "upload_url": f"{root}/uploads/{name}",
                "headers": self._granted[name],
                "url": f"https://cdn.pika.art/emulated/{name}",
            }
        )

    def receive(self, name: str, request: Request) -> Response:
        """Take the file, if it comes as it was announced."""
        granted = self._granted.get(name)
        as_granted = granted and all(request.headers.get(header) == value for header, value in granted.items())
        if not as_granted or "X-API-Key" in request.headers:
            return Response("<Error><Code>SignatureDoesNotMatch</Code></Error>", status=403)
        self.files[name] = request.get_data()
        return Response(status=200)

    def forget(self, url: str) -> bool:
        """Delete the file at ``url``; False if there is none."""
        return self.files.pop(url.rpartition("/")[2], None) is not None


def _refuse(status: int, text: str) -> Response:
    response = jsonify({"message": text})
    response.status_code = status
    return response
