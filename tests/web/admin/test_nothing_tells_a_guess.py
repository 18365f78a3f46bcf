"""No answer of ours tells whether somebody has guessed a secret: none is scrubbed from answers, and none echoes."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from domain.secrets.redaction import redactor
from tests.web.admin.browser import Page, post, token_of
from web.logs import configure_logs

GUESS = "Gutenberg1455"
METRICS_TOKEN = "fake-metrics-token-0123456789"
#: What a person takes for a password, and what stands in our pages, metrics and answers anyway.
WORDS = ("password", "quatrain", "username", "viewport", "token_missing")

Ask = Callable[[FlaskClient, str], TestResponse]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def sign_in(client: FlaskClient, sent: str) -> TestResponse:
    form = {"username": sent, "password": sent}
    return post(client, "/admin/login", form, token=token_of(client.get("/admin/login")))


#: All places into which a stranger may write.
PLACES: dict[str, Ask] = {
    "a query": lambda client, sent: client.get(f"/admin/login?q={sent}"),
    "the name of a query": lambda client, sent: client.get(f"/admin/login?{sent}=1"),
    "a path": lambda client, sent: client.get(f"/{sent}"),
    "a path of the pages": lambda client, sent: client.get(f"/admin/{sent}"),
    "a path of the API": lambda client, sent: client.get(f"/api/v1/{sent}"),
    "a path of files": lambda client, sent: client.get(f"/static/{sent}"),
    "a callback": lambda client, sent: client.post(f"/callbacks/suno/{sent}", json={sent: sent}),
    "name and password": sign_in,
    "a forged form": lambda client, sent: client.post("/admin/login", data={"csrf_token": sent, "username": sent}),
    "a token": lambda client, sent: client.get("/api/v1/orders/1", headers=bearer(sent)),
    "a scheme": lambda client, sent: client.get("/api/v1/stages", headers={"Authorization": sent}),
    "a body": lambda client, sent: client.post("/api/v1/orders", json={sent: sent}),
    "the token of the metrics": lambda client, sent: client.get("/metrics", headers=bearer(sent)),
    "a language": lambda client, sent: client.get("/admin/login", headers={"Accept-Language": sent}),
    "a method": lambda client, sent: client.open("/admin/login", method=sent.upper()),
    "a type": lambda client, sent: client.post("/admin/login", data=sent, content_type=f"text/{sent}"),
    "a range": lambda client, sent: client.get("/static/page.css", headers={"Range": f"{sent}=1-2"}),
    "a name of the host": lambda client, sent: client.get("/admin/login", headers={"Host": f"{sent}.example"}),
    "a cookie": lambda client, sent: client.get("/admin/login", headers={"Cookie": f"session={sent}; {sent}={sent}"}),
    "an origin": lambda client, sent: client.post("/admin/login", headers={"Origin": sent, "Referer": sent}),
}


@pytest.fixture
def knowing(app: Flask) -> Iterator[Callable[..., None]]:
    """Give the application other secrets in its environment."""
    before = app.config["SETTINGS"]

    def know(secret: str) -> None:
        told: dict[str, object] = dict.fromkeys(("admin_password", "openai_api_key"), SecretStr(secret))
        told |= {"redis_url": f"redis://:{secret}@redis.example/0", "metrics_token": SecretStr(METRICS_TOKEN)}
        app.config["SETTINGS"] = before.model_copy(update=told)
        configure_logs(app.config["SETTINGS"])

    yield know
    app.config["SETTINGS"] = before
    redactor.know_environment([])


@pytest.mark.parametrize("place", PLACES)
def test_what_a_stranger_sends_is_in_no_answer(place: str, client: FlaskClient, administrator: str) -> None:
    answer = PLACES[place](client, GUESS)

    said = answer.text + str(answer.headers)
    assert GUESS not in said
    assert GUESS.lower() not in said.lower()


@pytest.mark.parametrize("place", PLACES)
def test_a_right_guess_is_answered_as_a_wrong_one_is(
    place: str, client: FlaskClient, administrator: str, knowing: Callable[..., None]
) -> None:
    knowing(GUESS)

    answer = PLACES[place](client, GUESS)

    assert "***" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_word_of_ours_breaks_no_page(
    word: str, app: Flask, admin: FlaskClient, knowing: Callable[..., None]
) -> None:
    knowing(word)
    stranger = app.test_client()

    said = [stranger.get(path).text for path in ("/admin/login", "/api/v1/stages", "/api/docs")]
    said += [stranger.get("/metrics", headers=bearer(METRICS_TOKEN)).text]
    said += [admin.get(path).text for path in ("/admin", "/admin/providers", "/admin/orders/new")]

    assert not any("***" in each for each in said)
    assert any(word in each for each in said)


def test_the_link_to_the_other_language_asks_for_what_our_own_links_ask_for(admin: FlaskClient) -> None:
    asked = f"q=Анна&state=failed&before=17&api_key={GUESS}&another={GUESS}"

    link = Page(admin.get(f"/admin/orders?{asked}")).one("a", hreflang="en").get("href") or ""

    assert parse_qs(link.removeprefix("?")) == {"q": ["Анна"], "state": ["failed"], "before": ["17"], "lang": ["en"]}
