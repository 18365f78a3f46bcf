"""What is no HTTP, or hardly any, against the web server as it is started in production."""

import re
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.hostile.tally import Tally
from tests.running_system import RunningSystem, wait_until

ORIGIN = "what is hardly HTTP"
#: A port on which no broker listens.
NO_BROKER = "redis://127.0.0.1:1/0"
MAX_WAIT_SECONDS = 60

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """The web process alone."""
    folder = tmp_path_factory.mktemp("wire")
    env = {"REDIS_URL": NO_BROKER, "WEB_WORKERS": "1", "PUBLIC_URL": ""}
    system = RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env)
    system.prepare_database()
    system.start_process("web")
    try:
        wait_until(lambda: is_up(system), f"up; log in {folder}")
        yield system
    finally:
        system.stop()


def is_up(system: RunningSystem) -> bool:
    try:
        return requests.get(f"{system.url}/healthz", timeout=MAX_WAIT_SECONDS).status_code == 200
    except requests.RequestException:
        return False


def ask(system: RunningSystem, sent: bytes) -> bytes:
    """What the server says to it until it hangs up; empty if it just does that."""
    with socket.create_connection(("127.0.0.1", system.port), timeout=MAX_WAIT_SECONDS) as connection:
        heard = b""
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                heard += piece
        except TimeoutError:
            raise
        except OSError:
            # It has hung up already.
            pass
    return heard


def get(target: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    lines = [f"{method} {target} {version}", "Host: localhost", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def chunked(target: str, body: bytes, *headers: str) -> bytes:
    return get(target, "Transfer-Encoding: chunked", *headers, method="POST") + body


JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
WHOLE = b"10000\r\n" + b" " * 65_536 + b"\r\n"
MALFORMED = {
    "nothing": b"",
    "line ends only": b"\r\n" * 100,
    "no HTTP": b"\x00\xff\xfe" * 100 + b"\r\n\r\n",
    "the first words of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100,
    "HTTP/0.9": b"GET /\r\n",
    "HTTP/9.9": get("/healthz", version="HTTP/9.9"),
    "a method in odd letters": get("/healthz", method="G\xc9T"),
    "a line of 100 kB": get("/" + "a" * 100_000),
    "a query of 100 kB": get("/admin/login?" + "a=b&" * 25_000),
    "a header of 100 kB": get("/healthz", "X-Long: " + "a" * 100_000),
    "1000 headers": get("/healthz", *(f"X-{number}: x" for number in range(1000))),
    "a header without a colon": get("/healthz", "no colon"),
    "a header with a space in its name": get("/healthz", "X Y: z"),
    "a header with NUL in it": get("/healthz", "X: a\x00b"),
    "a header with a lone CR in it": get("/healthz", "X: a\rb"),
    "a folded header": get("/healthz", "X: a", " b"),
    "a length below zero": get("/api/v1/orders", JSON, "Content-Length: -1", method="POST"),
    "a length that is no number": get("/api/v1/orders", JSON, "Content-Length: 1e3", method="POST"),
    "a length of 5000 digits": get("/api/v1/orders", JSON, "Content-Length: " + "9" * 5000, method="POST"),
    "two lengths": get("/api/v1/orders", JSON, "Content-Length: 1", "Content-Length: 2", method="POST") + b"{}",
    "a length and chunks": chunked("/api/v1/orders", b"0\r\n\r\n", JSON, "Content-Length: 4"),
    "a transfer that is unknown": get("/api/v1/orders", JSON, "Transfer-Encoding: xchunked", method="POST") + b"{}",
    "a chunk of no size": chunked("/api/v1/orders", b"zz\r\n{}\r\n0\r\n\r\n", JSON),
    "a chunk below zero": chunked("/api/v1/orders", b"-1\r\n{}\r\n0\r\n\r\n", JSON),
    "a chunk without an end": chunked("/api/v1/orders", b"ffffffffffffffff\r\n{}", JSON),
    "a body that is broken off": get("/api/v1/orders", JSON, "Content-Length: 100", method="POST") + b"{",
    "chunks of 320 kB": chunked("/api/v1/orders", WHOLE * 5 + b"0\r\n\r\n", JSON),
    "a form in chunks of 128 kB": chunked("/admin/login", WHOLE * 2 + b"0\r\n\r\n", FORM),
    "an expectation that is unknown": get("/healthz", "Expect: the-unexpected"),
    "another host in the line": get("http://elsewhere.example/admin"),
    "CONNECT": get("elsewhere.example:443", method="CONNECT"),
    "OPTIONS *": get("*", method="OPTIONS"),
    "two hosts": get("/admin", "Host: elsewhere.example"),
    "a host that can be none": b"GET /admin HTTP/1.1\r\nHost: " + b"a" * 64 + b"\r\nConnection: close\r\n\r\n",
    "no address at all": get("?a=b"),
    "a host without its bracket": get("http://[/admin"),
    "a host and a name": get("http://user:password@elsewhere.example/admin"),
    "chunks of HTTP/1.0": get("/api/v1/orders", "Transfer-Encoding: chunked", method="POST", version="HTTP/1.0"),
    "chunks twice": chunked("/api/v1/orders", b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunks that are packed": get("/api/v1/orders", "Transfer-Encoding: gzip, chunked", method="POST") + b"0\r\n\r\n",
    "chunks that are called so oddly": get("/api/v1/orders", "Transfer-Encoding: \x0bchunked", method="POST"),
    "a chunk with an odd extension": chunked("/api/v1/orders", b"2;\x00\r\n{}\r\n0\r\n\r\n", JSON),
    "a chunk that is longer than it says": chunked("/api/v1/orders", b"2\r\n{}{}\r\n0\r\n\r\n", JSON),
    "a chunk of a size in Python's spelling": chunked("/api/v1/orders", b"0x1_0\r\n{}\r\n0\r\n\r\n", JSON),
    "an odd word after the last chunk": chunked("/api/v1/orders", b"2\r\n{}\r\n0\r\nno colon\x00\r\n\r\n", JSON),
    "a form of no chunk": chunked("/admin/login", b"zz\r\n", FORM),
    "a callback of no chunk": chunked("/callbacks/suno/1/x", b"zz\r\n", JSON),
    "the same length twice": get("/admin/login", "Content-Length: 1", "Content-Length: 1", method="POST") + b"a",
    "no length, but a field for it": get("/admin/login", "Content-Length:", method="POST"),
    "a length in other digits": get("/admin/login", "Content-Length: \xb2", method="POST"),
    "a length above all": get("/api/v1/orders", JSON, "Content-Length: " + "9" * 20, method="POST"),
    "a place in the name of the server": get("/healthz", "SCRIPT_NAME: /elsewhere"),
    "a place of ours": get("/admin", "SCRIPT_NAME: /admin", "X-Forwarded-Prefix: /elsewhere"),
    "a header in the server's own words": get("/healthz", "wsgi.input: x", "PATH_INFO: /elsewhere"),
    "hop-by-hop headers that are ours": get("/admin", "Connection: Host, Cookie, Content-Length"),
    "another protocol": get("/healthz", "Upgrade: h2c", "HTTP2-Settings: AA", "Connection: Upgrade, HTTP2-Settings"),
    "the first words of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a body that nobody is to be asked for": get("/healthz", "Expect: 100-continue"),
    "a line break in the path": get("/admin%0d%0aLocation:%20//elsewhere.example"),
    "bytes in the query": get("/admin?\xff"),
    "a tab in the path": get("/admin\t/login"),
    "no host": b"GET /admin HTTP/1.1\r\nConnection: close\r\n\r\n",
    "a way out of the folder": get("/static/../../settings.py"),
    "a way out of the folder, escaped": get("/static/%2e%2e/%2e%2e/settings.py"),
    "a backslash": get("/static/..\\..\\settings.py"),
    "NUL in the path": get("/admin%00/login"),
    "bytes in the path": get("/\xff\xfe"),
    "half a percent": get("/%"),
    "two slashes": get("//elsewhere.example/admin"),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_it_is_answered_or_hung_up_on_and_the_next_one_is_served(web: RunningSystem, tally: Tally, sent: bytes) -> None:
    heard = ask(web, sent)

    status = int(heard.split(b" ", 2)[1]) if heard.startswith(b"HTTP/") else 0
    # 501 is the right answer to a transfer that nobody knows (RFC 9112, 6.1).
    tally.answered(sent[:80], 0 if status == 501 else status)
    tally.refuse_that(
        sent[:80], let_in=b"location: //" in heard.lower() or b"elsewhere" in heard.partition(b"\r\n\r\n")[0]
    )
    assert b"Traceback" not in heard
    assert is_up(web)


#: Whatever leads on when it is asked for, or tells an address.
LEADING = (
    "/admin",
    "/admin/orders/",
    "/static//app.css",
    "//static/app.css",
    "/admin//login",
    "?a=b",
    "/",
    "/api/v1/docs/",
)
FOREIGN = {
    "Host": "elsewhere.example",
    "X-Forwarded-Host": "elsewhere.example",
    "X-Forwarded-Server": "elsewhere.example",
    "Forwarded": "host=elsewhere.example;proto=https",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Prefix": "/elsewhere",
    "X-Script-Name": "/elsewhere",
    "SCRIPT_NAME": "/elsewhere",
    "Script-Name": "/elsewhere",
    "X-Original-URL": "/elsewhere",
    "X-Rewrite-URL": "/elsewhere",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_no_header_of_a_stranger_leads_elsewhere(web: RunningSystem, tally: Tally, name: str) -> None:
    for target in LEADING:
        lines = [f"GET {target} HTTP/1.1", *([] if name == "Host" else ["Host: localhost"])]
        heard = ask(web, "\r\n".join([*lines, f"{name}: {FOREIGN[name]}", "Connection: close", "", ""]).encode())

        tally.answered((name, target), int(heard.split(b" ", 2)[1]))
        head = heard.partition(b"\r\n\r\n")[0]
        assert b"elsewhere" not in heard
        # To a page of ours, or nowhere.
        assert re.search(rb"\r\nLocation: (?!/[^/])", head, re.IGNORECASE) is None, head


def test_none_of_it_was_a_crash(web: RunningSystem) -> None:
    ask(web, get("/admin/login?lang=en"))

    assert "Traceback" not in web.output()
    assert '"level": "error"' not in web.output()


def test_what_is_too_large_for_the_api_is_said_in_its_shape(web: RunningSystem) -> None:
    for body in (b" " * 300_000, iter([b" " * 300_000])):
        answer = web.api().send("/api/v1/orders", data=body, headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
