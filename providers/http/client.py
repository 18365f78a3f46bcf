"""JSON, or bytes, over HTTP to a provider, and everything that can go wrong on the way as one of ``providers.errors``.

No redirect is followed, no proxy or netrc of the environment is used, nothing is tried twice. What leaves
here has no key, no URL, no header and no word of a body in it, not even as the context of an exception.
"""

import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import exceptions as urllib3_errors

from providers.base import Credentials
from providers.errors import InvalidResponse, KeyRejected, OutcomeUnknown, ProviderError, Unavailable
from providers.http.answers import Answer, ErrorAnswer, ErrorReader, RawAnswer, default_error
from providers.http.deadline import DeadlineAdapter
from providers.http.redaction import Redaction
from providers.http.retry_after import seconds_to_wait
from providers.http.sessions import new_session
from providers.kinds import ProviderKind

CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 5 * 1024 * 1024
#: Of an answer that is a work itself and no message about one.
MAX_MEDIA_BYTES = 20 * 1024 * 1024

CUT = "connection cut"
_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((urllib3_errors.NameResolutionError,), "unknown host"),
    ((urllib3_errors.NewConnectionError,), "connection refused"),
    ((requests.ConnectTimeout, urllib3_errors.ConnectTimeoutError), "connect timeout"),
    ((requests.ReadTimeout, urllib3_errors.ReadTimeoutError), "read timeout"),
    ((requests.exceptions.SSLError, urllib3_errors.SSLError), "TLS"),
    ((ValueError, urllib3_errors.LocationValueError), "bad address"),
)

_SENDABLE_KEY = re.compile(r"[\x21-\x7e]{1,512}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")

_Success = TypeVar("_Success", Answer, RawAnswer)


class ProviderHttp:
    """One provider's host, spoken to with one key.

    ``auth`` is the header that carries the key and what stands before it, such as ``("Authorization", "Bearer ")``.
    """

    def __init__(
        self,
        kind: ProviderKind,
        credentials: Credentials,
        *,
        auth: tuple[str, str],
        read_error: ErrorReader,
    ) -> None:
        self._kind = kind
        self._credentials = credentials
        self._auth = auth
        self._read_error = read_error
        self._redaction = Redaction(credentials.api_key)

    def get_json(self, path: str, *, seconds: float) -> Answer:
        """Read ``path``. ``seconds`` is how long the whole answer may take once the request is sent.

        Raises a ``ProviderError``; one that got no answer is plain ``Unavailable``, as reading changes nothing.
        """
        return self._exchange("GET", path, None, {}, seconds, self._read)

    def post_json(
        self,
        path: str,
        payload: Mapping[str, Any],
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send ``payload``. ``seconds`` is how long the whole answer may take once the request is sent.

        Raises a ``ProviderError``: ``OutcomeUnknown`` if the provider may have carried it out, ``Unavailable`` if it
        surely never got it. ``repeatable``: being carried out unheard would do no harm, so that a lost answer is plain
        ``Unavailable``.
        """
        body = _Body(json.dumps(payload).encode())
        return self._exchange("POST", path, body, headers or {}, seconds, self._read, repeatable=repeatable)

    def post_for_bytes(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> RawAnswer:
        """Send ``body`` as it is; the answer may be of any kind, and of 20 MB. ``seconds`` as for ``post_json``.

        Raises like ``post_json``, where ``repeatable`` is explained.
        """
        headers = {"Content-Type": content_type, "Accept": "*/*", **(headers or {})}
        return self._exchange("POST", path, _Body(body), headers, seconds, self._read_bytes, repeatable=repeatable)

    def _exchange(
        self,
        method: str,
        path: str,
        body: "_Body | None",
        headers: Mapping[str, str],
        seconds: float,
        read: Callable[[requests.Response], _Success],
        *,
        repeatable: bool = False,
    ) -> _Success:
        key = self._credentials.api_key
        if not _SENDABLE_KEY.fullmatch(key):
            raise KeyRejected(self._kind, "malformed key")
        headers = {
            "User-Agent": "Quatrain",
            "Accept": "application/json",
            **({"Content-Type": "application/json"} if body else {}),
            **headers,
            self._auth[0]: self._auth[1] + key,
        }
        # The exceptions of requests hold the request with its headers, so ours is raised where theirs is forgotten:
        # `from None` would hide it from a traceback, and still hand it to an error reporter.
        try:
            with (
                new_session(DeadlineAdapter(max_retries=0)) as session,
                session.request(
                    method,
                    self._credentials.base_url.rstrip("/") + path,
                    data=body,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, seconds),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                self._refuse_a_failure(response, is_order=body is not None and not repeatable)
                return read(response)
        except ProviderError as error:
            failure = error
        except requests.exceptions.ContentDecodingError:
            failure = InvalidResponse(self._kind, "bad encoding")
        except (requests.RequestException, urllib3_errors.HTTPError, OSError, UnicodeError) as fault:
            lost = body is not None and body.was_read and not repeatable
            failure = (OutcomeUnknown if lost else Unavailable)(self._kind, in_our_words(fault))
        raise failure

    def _refuse_a_failure(self, response: requests.Response, *, is_order: bool) -> None:
        if 300 <= response.status_code < 400:
            # 303 says that it was carried out, and that the outcome is elsewhere (RFC 9110, 15.4.4).
            error_class = OutcomeUnknown if is_order and response.status_code == 303 else Unavailable
            raise error_class(self._kind, "redirect", status=response.status_code)
        if response.status_code >= 400:
            raise self._refusal(response)

    def _read(self, response: requests.Response) -> Answer:
        text = self._read_whole(response, MAX_BODY_BYTES)
        body = self._redaction.json(text)
        if body is None and not says_its_length(response):
            # Only the end of the connection ended this answer: what cannot be read of it was cut off.
            raise requests.ConnectionError(CUT)
        if not isinstance(body, dict):
            raise self._unreadable(response, "not a JSON object")
        return Answer(body, self._request_id(response))

    def _read_bytes(self, response: requests.Response) -> RawAnswer:
        body = self._read_whole(response, MAX_MEDIA_BYTES)
        if not says_its_length(response):
            # Nobody can tell a whole recording from half of one.
            raise requests.ConnectionError(CUT)
        return RawAnswer(self._redaction.data(body), self._request_id(response), self._redaction)

    def _read_whole(self, response: requests.Response, limit: int) -> bytes:
        body = _read_at_most(response, limit)
        if body is None:
            raise self._unreadable(response, "too large")
        return body

    def _unreadable(self, response: requests.Response, detail: str) -> InvalidResponse:
        request_id = self._request_id(response)
        return InvalidResponse(self._kind, detail, status=response.status_code, request_id=request_id)

    def _refusal(self, response: requests.Response) -> ProviderError:
        try:
            text = _read_at_most(response, MAX_BODY_BYTES)
        except (requests.RequestException, urllib3_errors.HTTPError):
            text = None
        answer = ErrorAnswer(
            self._kind,
            response.status_code,
            CaseInsensitiveDict({name: self._redaction.text(value) for name, value in response.headers.items()}),
            self._redaction.json(text or b""),
            self._request_id(response),
            seconds_to_wait(response.status_code, response.headers, (text or b"").decode("utf-8", "replace")),
        )
        is_a_page = text is None or text.lstrip()[:1] == b"<"
        return self._read_error(answer) or default_error(answer, is_a_page=is_a_page)

    def _request_id(self, response: requests.Response) -> str | None:
        value = response.headers.get("x-request-id", "")
        return value if _REQUEST_ID.fullmatch(value) and not self._redaction.holds_key(value) else None


class _Body(io.BytesIO):
    """A request's body that knows whether its sending has begun, which is after connecting and the TLS handshake."""

    was_read = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_read = True
        return super().read(size)


def _read_at_most(response: requests.Response, limit: int) -> bytes | None:
    """The decoded body, or None if it is larger; the rest of a larger one is never read."""
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def says_its_length(response: requests.Response) -> bool:
    """Whether a body that is cut off would have been noticed: by its length, or by the end that its pieces have."""
    codings = response.headers.get("transfer-encoding", "").lower().split(",")
    return response.headers.get("content-length", "").isdecimal() or "chunked" in (each.strip() for each in codings)


def in_our_words(fault: Exception) -> str:
    """What went wrong on the way, in a few fixed words: the text of ``fault`` itself may hold an address."""
    said_by_urllib3 = fault.args[0] if fault.args else None
    causes = (fault, said_by_urllib3, getattr(said_by_urllib3, "reason", None))
    return next((words for kinds, words in _WORDS if any(isinstance(cause, kinds) for cause in causes)), CUT)
