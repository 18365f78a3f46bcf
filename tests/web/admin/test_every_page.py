"""What holds for every page, whatever it is about."""

from collections import Counter

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from domain.accounts.api_tokens import create_api_token
from domain.db import utc_now
from domain.orders import erasure
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page, post, token_of
from web.errors import PAGES
from web.middleware.security_headers import CONTENT_SECURITY_POLICY

PATHS = [
    "/admin",
    "/admin/providers",
    "/admin/providers/POEM/history",
    "/admin/orders",
    "/admin/orders?state=failed",
    "/admin/orders?stuck=1",
    "/admin/orders/new",
    "/admin/orders/1",
    "/admin/orders/1/erase",
    "/admin/orders/2",
    "/admin/help",
    "/admin/account",
    "/admin/no-such-page",
    "/no-such-page",
]


@pytest.fixture
def filled(app: Flask, admin: FlaskClient) -> FlaskClient:
    """A signed-in browser, sections in several states, an order and a token."""
    with app.app_context():
        builders.working_section(StageType.VOICE)
        builders.save_section(StageType.VOICE, ProviderKind.DUMMY, model="dummy-voice-high")
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key="sk-0123456789abcdef")
        builders.place_order(frozenset(StageType))
        create_api_token("shop", builders.ALL_RIGHTS)
        erasure.request(builders.place_order().id, "admin", utc_now())
    return admin


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_is_well_made(filled: FlaskClient, language: str) -> None:
    for path in PATHS:
        filled.set_cookie("lang", language)
        answer = filled.get(path)
        page = Page(answer)
        assert len(page.all("h1")) == 1, path
        assert page.one("title").text.endswith("· Quatrain"), path
        assert len(page.one("title").text) > len("· Quatrain"), path
        assert page.one("html").get("lang") == language, path
        _has_unique_ids(page, path)
        _has_labels(page, path)
        _stays_at_home(page, path)
        assert not page.all("style"), path
        assert all(script.get("src") for script in page.all("script")), path
        assert not any("style" in e.attributes or "onclick" in e.attributes for e in page.elements), path


def _has_unique_ids(page: Page, path: str) -> None:
    ids = Counter(element.get("id") for element in page.elements if element.get("id"))
    assert [name for name, count in ids.items() if count > 1] == [], path
    for element in page.elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            assert set(str(element.get(attribute) or "").split()) <= set(ids), (path, attribute, element.attributes)


def _has_labels(page: Page, path: str) -> None:
    labelled = {label.get("for") for label in page.all("label")}
    for element in page.elements:
        if element.name in {"input", "select", "textarea"} and element.get("type") != "hidden":
            assert element.get("id") in labelled, (path, element.attributes)
        if element.name in {"button", "a", "h1", "h2", "summary"}:
            assert element.text, (path, element.attributes)


def _stays_at_home(page: Page, path: str) -> None:
    for element in page.elements:
        for attribute in ("href", "src", "action"):
            address = str(element.get(attribute) or "")
            if address and element.name == "a" and element.get("rel") == "noopener noreferrer":
                # To a provider's own site, which learns nothing of where somebody comes from.
                assert address.startswith("https://"), (path, address)
                continue
            assert not address.startswith(("http:", "https:", "//")), (path, address)


def test_every_answer_carries_the_headers(filled: FlaskClient) -> None:
    for path in [*PATHS, "/admin/login", "/static/app.css", "/healthz"]:
        headers = filled.get(path, buffered=True).headers
        assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        if path.startswith("/admin"):
            assert headers["Cache-Control"] == "no-store", path
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "media-src 'self'" in CONTENT_SECURITY_POLICY


def post_routes(app: Flask) -> list[str]:
    values = {"stage_type": "POEM", "order_id": 1, "row_id": 1}
    routes = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or set())]
    with app.test_request_context():
        return [
            str(rule.build({name: values[name] for name in rule.arguments})[1])  # type: ignore[index]
            for rule in routes
            if rule.rule.startswith("/admin")
        ]


def test_every_form_is_refused_without_a_token_or_with_another_ones(app: Flask, filled: FlaskClient) -> None:
    routes = post_routes(app)
    assert len(routes) == 14
    foreign = app.test_client()
    token = token_of(foreign.get("/admin/login"))

    for path in routes:
        for data in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": token}):
            answer = filled.post(path, data=data)
            assert answer.status_code == 400, (path, data)
            assert "Страница устарела" in answer.text


def test_addresses_that_only_take_forms_say_so(app: Flask, filled: FlaskClient) -> None:
    for path in post_routes(app):
        if path in {"/admin/login", "/admin/orders/new", "/admin/orders/1/erase", "/admin/account"}:
            continue
        answer = filled.get(path)
        assert answer.status_code == 405, path
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("status", sorted(PAGES))
def test_every_error_has_a_page_with_words_and_a_way_on(
    app: Flask, filled: FlaskClient, monkeypatch: pytest.MonkeyPatch, status: int, language: str
) -> None:
    class Wrong(HTTPException):
        code = status

    def fail() -> None:
        raise Wrong

    monkeypatch.setitem(app.view_functions, "admin.orders", fail)
    filled.set_cookie("lang", language)

    answer = filled.get("/admin/orders")

    page = Page(answer)
    with app.test_request_context(headers={"Cookie": f"lang={language}"}):
        heading, advice = map(str, PAGES[status])
    assert (answer.status_code, page.one("h1").text) == (status, heading)
    assert advice in page.one("main").text
    assert page.one("a", class_="btn btn-primary").get("href") == "/admin"


def test_a_crash_is_a_page_without_what_went_wrong(filled: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ValueError("the inside of the house")

    monkeypatch.setattr("domain.orders.queries.list_page", crash)

    answer = filled.get("/admin/orders")

    assert answer.status_code == 500
    assert Page(answer).one("h1").text == "У нас что-то сломалось"
    assert "inside" not in answer.text


def test_a_database_that_is_away_is_a_page_that_says_so(filled: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("SELECT secret_column", {}, Exception("connection refused"))

    token = token_of(filled.get("/admin"))
    monkeypatch.setattr("domain.accounts.administrators.find_administrator", refuse)

    for answer in (filled.get("/admin"), post(filled, "/admin/providers/POEM/check", token=token)):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert Page(answer).one("h1").text == "База данных не отвечает"
        assert "secret_column" not in answer.text


def test_an_address_of_the_api_that_does_not_exist_is_answered_in_json(client: FlaskClient) -> None:
    answer = client.get("/api/v9/nothing")

    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("came_from", "leads_back_to"),
    [
        ("http://localhost/admin/orders/new?like=1", "/admin/orders/new?like=1"),
        ("http://localhost/admin/no-such-page", None),
        ("http://elsewhere.example/admin/orders", None),
        ("http://localhost//elsewhere.example/", None),
        ("http://localhost/api/docs", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_an_error_page_leads_back_to_where_one_came_from_if_that_was_a_page_of_ours(
    admin: FlaskClient, came_from: str, leads_back_to: str | None
) -> None:
    page = Page(admin.get("/admin/no-such-page", headers={"Referer": came_from}))

    assert page.one("a", class_="btn btn-primary").get("href") == (leads_back_to or "/admin")


@pytest.mark.parametrize(
    ("path", "entry", "is_the_page"),
    [
        ("/admin/orders", "/admin/orders", "page"),
        ("/admin/orders/new", "/admin/orders", "true"),
        ("/admin/providers/POEM/history", "/admin/providers", "true"),
    ],
)
def test_the_menu_marks_where_one_is(filled: FlaskClient, path: str, entry: str, is_the_page: str) -> None:
    entries = Page(filled.get(path)).all("a", class_="nav-link py-2")

    marked = {link.get("href"): link.get("aria-current") for link in entries if link.get("aria-current")}

    assert marked == {entry: is_the_page}


def test_the_bare_address_leads_to_the_start_page(client: FlaskClient) -> None:
    answer = client.get("/")

    assert (answer.status_code, answer.location) == (303, "/admin")
