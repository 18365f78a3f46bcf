"""What is answered to each kind of form of a section that no page of ours sends: an error page, and nothing changes."""

from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db
from tests.hostile.conftest import UPDATE, Post, on_one_database
from tests.hostile.sending import NEW_KEY, SECTION, URLENCODED, form
from tests.hostile.tally import Tally
from tests.web.admin.browser import token_of
from web import create_app

ORIGIN = "form of a section, row by row"
MULTIPART = "multipart/form-data"
HOME = "https://gifts.example"
PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'

Stored = Callable[[], object]

pytestmark = [on_one_database, pytest.mark.usefixtures("clock")]


@pytest.fixture(autouse=True)
def unchanged(openai_section: None, stored: Stored) -> Iterator[None]:
    """Whatever is sent here changes nothing."""
    before = stored()
    yield
    assert stored() == before


def parts(**changes: bytes) -> bytes:
    """The form as multipart, without its end."""
    fields = {**{name: value.encode() for name, value in SECTION.items()}, **changes}
    return b"".join(PART % (name.encode(), value) for name, value in fields.items())


FORMS = {
    "stage_type unknown": form(stage_type="VISION"),
    "stage_type in other case": form(stage_type="poem"),
    "stage_type with a space": form(stage_type="POEM "),
    "stage_type empty": form(stage_type=""),
    "stage_type missing": form().replace("stage_type=POEM&", ""),
    "unknown field": form(vision_model="x"),
    "delete_key=1": form(delete_key="1"),
    "field without a name": form() + "&=x",
    "version that is no number": form(version="one"),
    "version below zero": form(version="-1"),
    "version of 30 digits": form(version="1" * 30),
    "version in other digits": form(version="١"),
    "a field twice": form() + "&model=b",
    "a field twice, alike": form() + "&api_key=" + NEW_KEY,
    "csrf_token twice": form() + "&csrf_token=a&csrf_token=a",
    "3000 fields": form() + "".join(f"&f{number}=x" for number in range(3000)),
    "one field 3000 times": form() + "&model=x" * 3000,
    "bytes that are not UTF-8": form().replace(NEW_KEY, "sk-fake-%ff%fe-0123"),
    "bytes that are not UTF-8, not escaped": form().encode().replace(b"fake", b"f\xffke"),
    "UTF-16": form().encode("utf-16"),
    "half of a surrogate pair": form(model="").replace("model=", "model=%ed%a0%80"),
    "nothing": "",
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_that_is_not_ours_is_400(post: Post, body: str | bytes) -> None:
    answer = post("form", body)

    assert answer.status_code == 400
    assert NEW_KEY not in answer.text


OTHERS: dict[str, tuple[bytes, str, int]] = {
    "JSON": (b'{"stage_type": "POEM"}', "application/json", 415),
    "text/plain": (form().encode(), "text/plain", 415),
    "no content type": (form().encode(), "", 415),
    "XML": (b"<stage_type>POEM</stage_type>", "application/xml", 415),
    "body over 64 KiB": (form(model="m" * 65_536).encode(), URLENCODED, 413),
    "multipart over 64 KiB": (parts(model=b"m" * 65_536) + b"--x--", f"{MULTIPART}; boundary=x", 413),
    "multipart field over 16 KiB": (parts(model=b"m" * 16_500) + b"--x--", f"{MULTIPART}; boundary=x", 413),
    "more than 50 parts": (parts() + PART % (b"model", b"") * 50 + b"--x--", f"{MULTIPART}; boundary=x", 413),
    "multipart without an end": (parts(), f"{MULTIPART}; boundary=x", 400),
    "multipart broken off in a header": (parts() + b"--x\r\nContent-Dispo", f"{MULTIPART}; boundary=x", 400),
    "multipart without a boundary": (parts() + b"--x--", MULTIPART, 400),
    "multipart with another boundary": (parts() + b"--x--", f"{MULTIPART}; boundary=y", 400),
    "multipart that is not UTF-8": (parts(model=b"gpt-\xff\xfe") + b"--x--", f"{MULTIPART}; boundary=x", 400),
    "multipart with a field twice": (parts() + PART % (b"model", b"b") + b"--x--", f"{MULTIPART}; boundary=x", 400),
}


@pytest.mark.parametrize(("body", "content_type", "status"), OTHERS.values(), ids=OTHERS)
def test_a_body_that_is_no_form_of_ours_is_refused(post: Post, body: bytes, content_type: str, status: int) -> None:
    answer = post("body", body, content_type)

    assert answer.status_code == status
    assert NEW_KEY not in answer.text


def test_a_file_in_place_of_a_field_is_400(post: Post) -> None:
    fields = {**SECTION, "api_key": (BytesIO(NEW_KEY.encode()), "key.txt")}

    assert post("file", fields, MULTIPART).status_code == 400


def test_a_chunked_body_over_64_kib_is_413_and_not_cut_off(post: Post) -> None:
    body = form() + "&" * 66_000 + "vision_model=x"
    chunked = {"wsgi.input": BytesIO(body.encode()), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}

    assert post("chunked", None, environ_overrides=chunked).status_code == 413


def test_parameters_in_the_address_only_are_400(post: Post) -> None:
    assert post("query", "", query_string=form()).status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_is_405_and_says_which_is_taken(
    admin: FlaskClient, csrf: str, tally: Tally, method: str
) -> None:
    headers = {"X-CSRFToken": csrf, "Content-Type": URLENCODED}
    answer = admin.open(UPDATE, method=method, data=form(), headers=headers)
    tally.answered(method, answer.status_code)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_without_a_token_a_body_that_cannot_hold_one_is_400(admin: FlaskClient, tally: Tally) -> None:
    for content_type in ("application/json", "text/plain"):
        answer = admin.post(UPDATE, data=form(), content_type=content_type)
        tally.answered(content_type, answer.status_code)
        assert answer.status_code == 400
        assert "Страница устарела" in answer.text


def test_the_token_of_another_session_is_400(app: Flask, admin: FlaskClient, tally: Tally) -> None:
    token = token_of(app.test_client().get("/admin/login"))

    for other in (token, "", token[:-1], "x"):
        answer = admin.post(UPDATE, data=f"csrf_token={other}&{form()}", content_type=URLENCODED)
        tally.answered(other, answer.status_code)
        assert answer.status_code == 400
        assert "Страница устарела" in answer.text
        assert NEW_KEY not in answer.text


@pytest.fixture
def over_https(app: Flask, admin: FlaskClient) -> Iterator[FlaskClient]:
    """The same browser, of an installation that is reached over HTTPS only."""
    secure = create_app(app.config["SETTINGS"].model_copy(update={"public_url": HOME}))
    with admin.session_transaction() as session:
        signed_in = dict(session)
    client = secure.test_client()
    with client.session_transaction(base_url=HOME) as session:
        session.update(signed_in)
    yield client
    with secure.app_context():
        db.engine.dispose()


REFERERS = {
    None: 400,
    "": 400,
    "https://evil.example/": 400,
    "http://gifts.example/": 400,
    "https://gifts.example:8/": 400,
    f"{HOME}/admin/providers": 303,
}


@pytest.mark.parametrize(("referer", "status"), REFERERS.items())
def test_over_https_a_form_without_the_referer_of_our_page_is_400(
    over_https: FlaskClient, tally: Tally, referer: str | None, status: int
) -> None:
    body = f"csrf_token={token_of(over_https.get('/admin/orders/new', base_url=HOME))}&{form(api_key='')}"
    headers = {} if referer is None else {"Referer": referer}

    answer = over_https.post(UPDATE, data=body, content_type=URLENCODED, headers=headers, base_url=HOME)
    tally.answered(referer, answer.status_code)

    assert answer.status_code == status
