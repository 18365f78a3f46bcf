"""A finished file of a provider, from the host that its link names to an open file of ours.

That host is not the provider's API and is trusted with nothing: it gets no key, must not lead us into our own network
(``providers.http.addresses``), and its word on type and size is not believed.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from urllib3 import exceptions as urllib3_errors

from providers.errors import InvalidResponse, LinkExpired, ProviderError, RateLimited, Unavailable
from providers.http.addresses import ForbiddenAddress, Guard
from providers.http.client import CONNECT_SECONDS, CUT, in_our_words, says_its_length
from providers.http.guarded_session import open_session
from providers.http.retry_after import seconds_to_wait
from providers.kinds import ProviderKind
from providers.media.types import TELLING_BYTES, Medium, media_type_of

MAX_BYTES = 100 * 1024 * 1024
#: How long a download may take, redirects and new beginnings included.
MAX_SECONDS = 150.0
MAX_REDIRECTS = 3
#: How often a download that breaks off is taken up again, the first time included.
MAX_CONNECTIONS = 5
#: Of a size that is told; Python reads no number of thousands of them.
MAX_DIGITS = 18

_CHUNK_BYTES = 64 * 1024
#: What hosts of files say to a link that has run out (Google's and Amazon's stores say 400 and 403), or is too early.
_EXPIRED = (400, 401, 403, 404, 410)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What has been written: its MIME type by its own first bytes, its size, the hexadecimal SHA-256 of all of it."""

    content_type: str
    size_bytes: int
    sha256: str


def download(
    url: str,
    file: BinaryIO,
    *,
    kind: ProviderKind,
    medium: Medium,
    base_url: str,
    seconds: float = MAX_SECONDS,
) -> Downloaded:
    """Write what is at ``url`` into ``file``, which holds that alone afterwards; syncing it is left to the caller.

    ``base_url`` is the provider's configured one, see ``providers.http.addresses.Guard``. A download that breaks off is
    taken up where it ended, or begun anew where the host cannot do that. Free and repeatable. Raises ``LinkExpired``;
    ``InvalidResponse`` for a file of another type, one over 100 MB, or a link that leads where none may; other
    ``TransientError``s; ``OSError`` when ``file`` cannot be written. What is in ``file`` then is of no use.
    """
    fetching = _Download(file, kind, medium, time.monotonic() + seconds)
    words = CUT
    with open_session(Guard(base_url)) as session:
        for _ in range(MAX_CONNECTIONS):
            try:
                fetching.go_on(session, url)
            except _CutOffError as cut:
                words = cut.words
            else:
                return fetching.facts()
            if not fetching.received or fetching.seconds_left <= 0:
                break
    raise Unavailable(kind, words)


class _CutOffError(Exception):
    def __init__(self, words: str) -> None:
        self.words = words


class _Download:
    """What is known of a file of which a part has come."""

    def __init__(self, file: BinaryIO, kind: ProviderKind, medium: Medium, ends_at: float) -> None:
        self._file = file
        self._kind = kind
        self._medium = medium
        self._ends_at = ends_at
        self._begin_anew()
        #: What tells this version of the file from another, where the host says so.
        self._validator = ""

    def _begin_anew(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self._beginning = b""
        self._content_type = ""
        self.received = 0

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    def facts(self) -> Downloaded:
        """Raises ``InvalidResponse`` for a file that is too short to be one."""
        self._learn_the_type()
        return Downloaded(self._content_type, self.received, self._hash.hexdigest())

    def go_on(self, session: requests.Session, url: str) -> None:
        """Fetch the rest of the file. Raises ``_CutOffError`` where trying once more may help."""
        headers = {}
        if self.received and self._validator:
            headers = {"Range": f"bytes={self.received}-", "If-Range": self._validator}
        with self._open(session, url, headers) as response:
            self._refuse_a_failure(response)
            self._find_the_place(response)
            for chunk in self._chunks(response):
                self._take(chunk)

    def _open(self, session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
        headers = {"User-Agent": "Quatrain", "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        for _ in range(MAX_REDIRECTS + 1):
            if not _is_a_link(url):
                raise InvalidResponse(self._kind, "bad link")
            response = self._ask(session, url, headers)
            if not response.is_redirect:
                return response
            response.close()
            url = _target_of(response, url)
        raise InvalidResponse(self._kind, "too many redirects")

    def _ask(self, session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
        left = self.seconds_left
        if left <= 0:
            raise _CutOffError("read timeout")
        failure: ProviderError
        try:
            return session.get(
                url, headers=headers, timeout=(min(CONNECT_SECONDS, left), left), allow_redirects=False, stream=True
            )
        except ForbiddenAddress:
            failure = InvalidResponse(self._kind, "link to a forbidden address")
        except ValueError:
            failure = InvalidResponse(self._kind, "bad link")
        except (requests.RequestException, urllib3_errors.HTTPError, OSError) as fault:
            raise _CutOffError(in_our_words(fault)) from None
        raise failure

    def _refuse_a_failure(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status == 416 and self._validator:
            self._validator = ""
            raise _CutOffError("range refused")
        error_class: type[ProviderError] = Unavailable
        if status in _EXPIRED:
            error_class = LinkExpired
        elif status == 429:
            error_class = RateLimited
        elif status < 300:
            error_class = InvalidResponse
        wait = seconds_to_wait(status, response.headers, "")
        raise error_class(self._kind, f"http_{status}", status=status, retry_after=wait)

    def _find_the_place(self, response: requests.Response) -> None:
        """Go on where the file ends if this answer is the rest of it, else begin anew."""
        headers = response.headers
        if headers.get("content-encoding", "identity") != "identity":
            raise InvalidResponse(self._kind, "bad encoding", status=response.status_code)
        size = headers.get("content-length", "")
        if not says_its_length(response):
            # Nobody can tell a whole file from half of one.
            raise InvalidResponse(self._kind, "no length", status=response.status_code)
        if response.status_code == 206:
            is_the_rest = headers.get("content-range", "").startswith(f"bytes {self.received}-")
            if not (self._validator and is_the_rest and _validator_of(response) in (self._validator, "")):
                self._validator = ""
                raise _CutOffError("wrong range")
        else:
            self._begin_anew()
            self._validator = _validator_of(response)
        if size.isdecimal() and (len(size) > MAX_DIGITS or self.received + int(size) > MAX_BYTES):
            raise InvalidResponse(self._kind, "too large", status=response.status_code)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body. What goes wrong on the way is caught here, and so is never mistaken for a fault of the disk."""
        try:
            yield from response.iter_content(_CHUNK_BYTES)
        except (requests.RequestException, urllib3_errors.HTTPError, OSError) as fault:
            raise _CutOffError(in_our_words(fault)) from None

    def _take(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received > MAX_BYTES:
            raise InvalidResponse(self._kind, "too large")
        self._hash.update(chunk)
        if not self._content_type:
            self._beginning += chunk[:TELLING_BYTES]
            if len(self._beginning) >= TELLING_BYTES:
                self._learn_the_type()
        self._file.write(chunk)

    def _learn_the_type(self) -> None:
        self._content_type = self._content_type or media_type_of(self._beginning, self._medium) or ""
        if not self._content_type:
            raise InvalidResponse(self._kind, f"no {self._medium}")


def _target_of(redirect: requests.Response, url: str) -> str:
    """Where ``redirect``, the answer to ``url``, leads to; empty where nobody can say."""
    try:
        # The header comes as Latin-1, and is meant as UTF-8 where a host does not care to quote.
        return urljoin(url, redirect.headers["location"].encode("latin-1").decode())
    except ValueError:
        return ""


def _is_a_link(url: str) -> bool:
    """Whether ``url`` is of a web server and without a name and password, which would be sent along."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is parts.password is None
    except ValueError:
        return False


def _validator_of(response: requests.Response) -> str:
    """What ``If-Range`` takes (RFC 9110, 13.1.5): an ETag unless it is a weak one, else the date of the last change."""
    etag = response.headers.get("etag", "")
    return etag if etag.startswith('"') else response.headers.get("last-modified", "")
