"""Headers and cookies that no client of ours sends, before every kind of address."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from providers.kinds import StageType
from tests import builders
from tests.database_kinds import on_both_databases
from tests.hostile.conftest import on_one_database
from tests.hostile.sending import as_bytes_arrive
from tests.hostile.strings import MARK, strings_for
from tests.hostile.tally import Tally

ORIGIN = "headers and cookies"

NINES = "9" * 5000
HEADERS: dict[str, tuple[str, ...]] = {
    "ACCEPT": ("\x00;q=nan", "*/*;q=" + NINES, "text/html;" * 500),
    "ACCEPT_LANGUAGE": ("ru;q=nan", "ru;q=1e999", "ru;q=inf", "ru;q=-1", ";;;", "*" * 9000, "ru;q=\u0663", "\x00"),
    "AUTHORIZATION": (
        *("Basic \xff", "Basic =", "Basic Og==", "Bearer", "bearer \x00", "Digest a", 'Digest a="', "Bearer a=b, c"),
        *("\xff", " ", "Bearer " + "x" * 9000, "Token a", "Bearer\tx", "Bearer Bearer x"),
    ),
    "CONTENT_TYPE": (
        *("x", ";;;", "application/json; charset=utf-16", "application/json;charset=\x00", "application/JSON"),
        *("application/x-www-form-urlencoded; charset=utf-7", "multipart/form-data; boundary=" + "a" * 9000),
        *('multipart/form-data; boundary="\x00"', "multipart/form-data; boundary=", "multipart/mixed; boundary=x"),
    ),
    "HOST": (
        *("", "a b", "\x00", "a" * 64, "a" * 9000, "a." * 100, "[::1", "evil:99999999", "ho/st", "a\r\nb", "://"),
        *("host:port", "..", "\xff.example", "xn--\xff", "-", "@", MARK + ".example"),
    ),
    "IF_MODIFIED_SINCE": ("x", "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +9999999999", "\x00"),
    "IF_NONE_MATCH": ('"', "*", 'W/"x', "\x00", '"a"' * 3000),
    "IF_RANGE": ("x", "Mon, 99 Foo", "\x00", "Thu, 01 Jan 99999 00:00:00 GMT"),
    "RANGE": (
        *(
            "bytes=0-0,1-1",
            f"bytes={NINES}-",
            f"bytes=-{NINES}",
            f"bytes=0-{NINES}",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
        ),
        *("bytes=-0", "bytes=5-1", "=", "bytes", "bytes=0-,", "bytes=٣-", "bytes=--5", "bytes=0-0-0", "bytes=1_0-2_0"),
        *("bytes=" + "0-0," * 2000, "\x00"),
    ),
    "REFERER": ("\x00", "//", "x", "https://[", "a" * 9000),
    "TRANSFER_ENCODING": ("chunked", "x", "chunked, chunked"),
    "X_FORWARDED_FOR": ("x", "\x00", "1" * 9000),
    "X_FORWARDED_PROTO": ("x", "https, http", "\x00"),
    "X_HTTP_METHOD_OVERRIDE": ("DELETE", "\x00"),
    "COOKIE": (
        *("session=x", "session=\x00", "lang=\x00;;=;", "session=" + "A" * 9000, "=;=;", "session=.eJw;lang=en"),
        *('lang="\\777"', f"lang={MARK}", "a=b; " * 1000),
    ),
}
ADDRESSES = (
    ("GET", "/admin/login"),
    ("POST", "/admin/orders/new"),
    ("GET", "/api/v1/orders/1"),
    ("POST", "/api/v1/orders"),
    ("POST", "/callbacks/abc"),
    ("GET", "/nothing"),
)


@pytest.fixture
def work(app: Flask) -> str:
    """The path of a voice that is made, below the pages or the API."""
    with app.app_context():
        builders.working_section(StageType.VOICE)
        order_id = builders.place_order(frozenset({StageType.VOICE}), poem="Море шумит").id
        builders.run(order_id, StageType.VOICE)
    return f"/orders/{order_id}/works/VOICE"


@on_one_database
@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_answered_with_a_crash(
    admin: FlaskClient, token: str, work: str, tally: Tally, header: str
) -> None:
    name = header if header == "CONTENT_TYPE" else f"HTTP_{header}"

    for method, path in (*ADDRESSES, ("GET", f"/admin{work}"), ("GET", f"/api/v1{work}")):
        for text in HEADERS[header]:
            environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", name: as_bytes_arrive(text)}
            answer = admin.open(path, method=method, data=b"{}", environ_overrides=environ, buffered=True)
            tally.answered((header, text, path), answer.status_code)
            if header != "HOST":
                tally.refuse_that((header, text, path), let_in=MARK in str(answer.headers))


def test_a_host_that_can_be_none_is_400(client: FlaskClient) -> None:
    for path in ("/admin", "/admin/login", "/api/v1/stages", "/healthz", "/nothing"):
        assert client.get(path, headers={"Host": "a" * 64}).status_code == 400


@on_one_database
@pytest.mark.usefixtures("kinds", "no_limits")
def test_no_text_is_a_token(client: FlaskClient, tally: Tally) -> None:
    for text in strings_for("token"):
        environ = {"HTTP_AUTHORIZATION": as_bytes_arrive(f"Bearer {text}")}
        answer = client.get("/api/v1/stages", environ_overrides=environ)
        tally.answered(text, answer.status_code)
        tally.refuse_that(text, let_in=answer.status_code != 401)


@on_one_database
@pytest.mark.usefixtures("kinds")
def test_no_text_in_a_cookie_is_somebody(client: FlaskClient, tally: Tally) -> None:
    for text in strings_for("cookie"):
        environ = {"HTTP_COOKIE": as_bytes_arrive(f"session={text}; lang={text}")}
        answer = client.get("/admin", environ_overrides=environ)
        tally.answered(text, answer.status_code)
        tally.refuse_that(text, let_in=(answer.status_code, answer.location) != (303, "/admin/login"))


Api = Callable[..., TestResponse]
ORDER = {"recipient": "Анна", "occasion": "60 лет", "stages": ["POEM"]}


@on_both_databases
@pytest.mark.usefixtures("kinds")
def test_an_idempotency_key_is_printable_or_refused(api: Api, messages: list[object], tally: Tally) -> None:
    for text in strings_for("Idempotency-Key"):
        environ = {"HTTP_IDEMPOTENCY_KEY": as_bytes_arrive(text)}
        answer = api("POST", "/orders", json=ORDER, environ_overrides=environ)
        tally.answered(text, answer.status_code)
        fits = text.isascii() and text.isprintable() and 1 <= len(text.strip()) <= 255
        tally.refuse_that(text, let_in=answer.status_code != (202 if fits else 400))
