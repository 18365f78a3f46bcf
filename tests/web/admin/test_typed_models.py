"""A model whose id is typed, where no list says which models there are; what a check costs, and what is left."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.provider_configs.checks import check
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section
from tests.database_kinds import on_one_database
from tests.emulator.server import Emulator
from tests.web.admin.browser import Page, post

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
OPENAI = ProviderKind.OPENAI
KEY = "sk-fake-first-0123456789-a1b2"


@pytest.fixture(autouse=True)
def keys(emulator: Emulator) -> None:
    emulator.openai.add_key("narrow", KEY, scenario="may_not_list")


def poem_card(admin: FlaskClient) -> Page:
    return Page(admin.get("/admin/providers/POEM"))


def test_the_id_of_a_model_is_typed_where_the_key_may_not_list_them(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        save_section(POEM, OPENAI, api_key=KEY)
        check(POEM)
    page = poem_card(admin)
    field = page.by_id("poem-model")
    assert (field.name, field.get("type")) == ("input", "text")
    assert "Модель не выбрана" in page.by_id("poem-status").text

    form = {"stage_type": "POEM", "provider_kind": "OPENAI", "api_key": "", "model": " gpt-5.4 ", "version": "1"}
    post(admin, "/admin/providers/update", form)
    with app.app_context():
        check(POEM)
        assert section().model == "gpt-5.4"

    page = poem_card(admin)
    assert page.by_id("poem-model").get("value") == "gpt-5.4"
    assert "Ключ работает с вписанной моделью" in page.by_id("poem-status").text


def test_a_first_key_that_was_refused_asks_for_no_model(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        save_section(POEM, OPENAI, api_key="sk-fake-nobody-0123456789-zzzz")
        check(POEM)

    assert poem_card(admin).by_id("poem-model").name == "select"


@pytest.mark.parametrize(
    ("stage_type", "kind", "words"),
    [
        (POEM, ProviderKind.GEMINI, "модель пишет пару слов"),
        (VOICE, ProviderKind.SPEECHKIT, "озвучивается один символ"),
        (SONG, ProviderKind.SUNO, "осталось 240 кредитов"),
        (CLIP, ProviderKind.PIKA, "осталось 4,20 $"),
    ],
)
def test_the_card_says_what_a_check_costs_and_what_is_left(
    app: Flask, admin: FlaskClient, emulator: Emulator, stage_type: StageType, kind: ProviderKind, words: str
) -> None:
    credit = {SONG: 240, CLIP: 4_200_000}.get(stage_type)
    emulator.rooms[kind].add_key("good", KEY, credit=credit)
    with app.app_context():
        save_section(stage_type, kind, api_key=KEY)
        check(stage_type)

    page = Page(admin.get(f"/admin/providers/{stage_type}"))

    assert words in page.by_id(stage_type.lower()).text.replace("\xa0", " ").casefold()
