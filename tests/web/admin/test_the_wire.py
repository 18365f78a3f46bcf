"""What goes over the wire besides the pages themselves: names, proxies, redirects, cookies, and works by themselves."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import text

from domain.db import db
from providers.kinds import StageType
from tests import builders
from tests.conftest import ADMIN_PASSWORD, production_settings
from tests.web.admin.browser import token_of
from tests.web.admin.test_every_page import post_routes
from web import create_app

EVIL = "evil.example"
POEM, VOICE = StageType.POEM, StageType.VOICE


@pytest.fixture
def served_as(tmp_path: Path) -> Callable[..., FlaskClient]:
    """``served_as(trusted_proxies=1)``: a browser before an application of those settings; it has no tables."""

    def client_of(**settings: object) -> FlaskClient:
        app = create_app(production_settings(var_dir=tmp_path, **settings))
        app.add_url_rule("/seen", view_func=lambda: {"address": request.remote_addr, "host": request.host})
        return app.test_client()

    return client_of


# --- names and proxies


def test_under_a_strange_name_nothing_is_served(served_as: Callable[..., FlaskClient]) -> None:
    client = served_as(trusted_hosts=("gifts.example", ".shop.example"))

    for path in ("/healthz", "/admin", "/admin/login", "/admin/providers", "/no-such-page"):
        answer = client.get(path, headers={"Host": EVIL})
        assert answer.status_code == 400, path
        assert answer.mimetype == "text/plain", path
        assert "TRUSTED_HOSTS" in answer.text, path
        assert EVIL not in answer.text, path
    assert client.get("/api/v1/stages", headers={"Host": EVIL}).status_code == 400
    for name in ("gifts.example", "gifts.example:8000", "www.shop.example", "localhost:8000", "127.0.0.1"):
        assert client.get("/healthz", headers={"Host": name}).status_code == 200, name


def test_without_names_every_name_will_do(served_as: Callable[..., FlaskClient]) -> None:
    assert served_as().get("/healthz", headers={"Host": EVIL}).status_code == 200


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "3.3.3.3"), (2, "2.2.2.2")])
def test_as_many_proxies_are_believed_as_there_are(
    served_as: Callable[..., FlaskClient], proxies: int, address: str
) -> None:
    client = served_as(trusted_proxies=proxies)

    seen = client.get("/seen", headers={"X-Forwarded-For": "1.1.1.1, 2.2.2.2, 3.3.3.3"})

    assert seen.json == {"address": address, "host": "localhost"}


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host"])
def test_a_name_in_a_header_leads_nobody_away(client: FlaskClient, name: str) -> None:
    answer = client.get("/admin", headers={name: EVIL})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/login")


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_slash_too_many_leads_to_a_path_of_ours_whatever_the_name(
    served_as: Callable[..., FlaskClient], proxies: int
) -> None:
    client = served_as(trusted_proxies=proxies)
    said = {"Host": EVIL, "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}

    answer = client.get("/static//app.css?a=b", headers=said)

    assert (answer.status_code, answer.headers["Location"]) == (308, "/static/app.css?a=b")
    assert EVIL not in answer.text


def test_browsers_are_kept_to_https_where_we_are_reached_over_it_alone(served_as: Callable[..., FlaskClient]) -> None:
    header = "Strict-Transport-Security"

    assert served_as(public_url="https://gifts.example").get("/healthz").headers[header].startswith("max-age=31536000")
    assert header not in served_as(public_url="http://gifts.example").get("/healthz").headers


# --- redirects


FILLED_IN: dict[str, dict[str, str]] = {
    "/admin/providers/update": {"stage_type": "POEM", "provider_kind": "DUMMY"},
    "/admin/orders/new": {"recipient": "Анна", "occasion": "60 лет", "stages": "POEM"},
    "/admin/login": {"username": "admin", "password": ADMIN_PASSWORD},
    "/admin/account": dict.fromkeys(("present", "new", "again"), ADMIN_PASSWORD),
}


def test_every_form_is_answered_with_a_redirect_to_our_own_pages(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.place_order(frozenset({POEM}))
    # Those that sign out come last.
    for path in sorted(post_routes(app), key=lambda each: "logout" in each):
        page = admin.get("/admin/orders/new")
        if page.status_code == 303:
            page = admin.get("/admin/login")
        answer = admin.post(path, data={**FILLED_IN.get(path, {}), "csrf_token": token_of(page)})
        assert answer.status_code == 303, (path, answer.text)
        assert answer.headers["Location"].startswith("/admin"), path


@pytest.mark.parametrize("target", [f"//{EVIL}", f"https://{EVIL}", f"\\\\{EVIL}", f"/\\{EVIL}", f"/\t/{EVIL}"])
def test_signing_in_leads_to_the_start_page_wherever_an_address_asks_to_go(
    client: FlaskClient, administrator: str, target: str
) -> None:
    token = token_of(client.get("/admin/login", query_string={"next": target}))

    answer = client.post(
        "/admin/login",
        query_string={"next": target, "url": target},
        data={"username": administrator, "password": ADMIN_PASSWORD, "csrf_token": token},
    )

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/admin"


def test_an_address_that_begins_with_two_slashes_is_no_way_out(client: FlaskClient) -> None:
    for path in (f"//{EVIL}", f"//{EVIL}/admin", f"/%5c{EVIL}", "/admin/", "//admin"):
        # As it comes over the wire: given to the client it would be the address of another host.
        answer = client.get(environ_overrides={"PATH_INFO": unquote(path)})
        assert EVIL not in answer.headers.get("Location", ""), path


# --- caches


def test_neither_pages_nor_answers_of_the_api_are_kept(admin: FlaskClient) -> None:
    for path in ("/admin", "/admin/login", "/admin/orders", "/admin/nowhere", "/api/v1/stages", "/api/v1/orders/1"):
        assert admin.get(path).headers["Cache-Control"] == "no-store", path


# --- works


@pytest.fixture
def made(app: Flask, admin: FlaskClient) -> FlaskClient:
    """A browser, and an order with a poem and a recording."""
    with app.app_context():
        for stage_type in (POEM, VOICE):
            builders.working_section(stage_type)
        order = builders.place_order(frozenset({POEM, VOICE}))
        for stage_type in (POEM, VOICE):
            builders.run(order, stage_type)
    return admin


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_a_work_shown_by_itself_can_do_nothing(made: FlaskClient, stage_type: StageType) -> None:
    answer = made.get(f"/admin/orders/1/works/{stage_type}")

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-same-origin; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.mimetype in ("text/plain", "audio/wav")
    answer.close()


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "nonsense"])
def test_a_file_of_another_kind_is_only_to_be_saved(app: Flask, made: FlaskClient, claimed: str) -> None:
    with app.app_context():
        db.session.execute(
            text("UPDATE works SET content_type = :claimed WHERE file_name IS NOT NULL"), {"claimed": claimed}
        )
        db.session.commit()

    answer = made.get(f"/admin/orders/1/works/{VOICE}")

    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    answer.close()
