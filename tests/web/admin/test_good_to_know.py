"""What somebody must know, and would otherwise have to ask, is said on the page where it is needed."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db
from domain.orders.models import StageState
from providers.kinds import ALLOWED_PROVIDERS, ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page
from web.key_places import KEY_PLACES

HELP = "/admin/help"
POEM, VOICE, SONG, CLIP = StageType


def test_the_sign_in_page_says_where_the_password_is(client: FlaskClient, administrator: str) -> None:
    text = client.get("/admin/login").text

    assert "ADMIN_PASSWORD" in text
    assert "admin set-password admin" in text


def test_each_section_says_where_its_providers_give_keys(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    for stage_type, kinds in ALLOWED_PROVIDERS.items():
        links = page.all("a", inside=f"{stage_type.lower()}-form")
        assert {KEY_PLACES[kind].keys for kind in kinds} <= {link.get("href") for link in links}
        assert all(str(link.get("href")).startswith("https://") for link in links)
        assert {link.get("rel") for link in links} == {"noopener noreferrer"}
    assert "ai.languageModels.user" in page.by_id("poem-form").text
    assert "ai.speechkit-tts.user" in page.by_id("voice-form").text


def test_every_provider_with_a_key_has_its_place() -> None:
    assert set(KEY_PLACES) == set(ProviderKind) - {ProviderKind.DUMMY}


def test_what_reads_a_poem_is_called_a_voice(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    assert page.one("label", for_="voice-model").text == "Голос"
    assert page.one("label", for_="poem-model").text == "Модель"


def test_the_first_of_the_list_is_named_once_the_list_is_known(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        row = builders.working_section(POEM)
        row.model = None
        db.session.commit()
        first = row.models_cache[0]

    page = Page(admin.get("/admin/providers"))

    assert page.options("poem-model")[""] == f"первая строка списка: {first}"
    assert "берётся первая строка" in page.by_id("voice-model-hint").text


def test_a_poem_that_can_be_ordered_leads_on_to_the_first_order(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section(POEM)
        builders.working_section(VOICE)

    page = Page(admin.get("/admin/providers/POEM"))
    link = page.by_id("poem-next")
    assert (link.text, link.get("href")) == ("Дальше: заказать стих →", "/admin/orders/new")
    assert "voice-next" not in admin.get("/admin/providers").text

    with app.app_context():
        builders.place_order()
    assert "poem-next" not in admin.get("/admin/providers").text


def test_nothing_leads_on_before_the_poem_can_be_ordered(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.save_section(POEM)

    assert "poem-next" not in admin.get("/admin/providers").text


def test_samples_are_said_to_reach_customers(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section(POEM)

    page = Page(admin.get("/admin/providers"))
    assert "Образцы уходят заказчикам как обычные работы" in page.by_id("poem-status").text
    assert "Образцы" not in page.by_id("voice-status").text
    assert "образцы бесплатны, но они не для заказчиков" in admin.get("/admin/orders/new").text


def test_the_form_of_an_order_says_who_charges(admin: FlaskClient) -> None:
    text = Page(admin.get("/admin/orders/new")).by_id("main").text

    assert "За каждую работу берёт плату её провайдер." in text
    assert "образцы" not in text


def test_an_order_says_how_a_poem_is_made_again_and_that_there_were_two_songs(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section(POEM)
        order_id = builders.place_order(frozenset({POEM, SONG})).id
        builders.run(order_id)
        builders.working_section(SONG)
        builders.run(order_id, SONG)
        builders.set_state(order_id, SONG, StageState.DONE, provider_kind=ProviderKind.SUNO)

    page = Page(admin.get(f"/admin/orders/{order_id}"))

    assert "Готовое заново не делается." in page.by_id("main").text
    assert "Suno сделал две песни; здесь та, что была готова первой." in page.by_id("song").text
    assert "две песни" not in page.by_id("poem").text


@pytest.mark.parametrize(
    "words",
    [
        "admin create",
        "admin set-password",
        "api-token create",
        "ADMIN_PASSWORD",
        "a copy of the database",
        "ADMIN_SECRET_KEY",
    ],
)
def test_the_menu_leads_to_what_is_done_by_commands(app: Flask, admin: FlaskClient, words: str) -> None:
    if words == "a copy of the database":
        with app.app_context():
            words = "VACUUM INTO" if db.engine.dialect.name == "sqlite" else "pg_dump"
    menu = {a.get("href") for a in Page(admin.get("/admin")).all("a", class_="dropdown-item py-2")}

    assert {HELP, "/api/docs"} <= menu
    assert words in Page(admin.get(HELP)).by_id("main").text
    assert words in Page(admin.get(f"{HELP}?lang=en")).by_id("main").text
