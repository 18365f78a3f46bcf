"""The page of the four sections, as a browser sees it."""

import sqlite3
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from domain.db import db
from domain.provider_configs.models import Reason, Status
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page, post, save
from tests.web.admin.stored import KEY
from tests.web.conftest import answer_of

CHECK = "tasks.config.validate_and_fetch_models"


def test_there_are_four_sections_with_one_form_each(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    names = {section.get("id"): page.one("h2", inside=str(section.get("id"))).text for section in page.all("section")}
    assert names == {
        "poem": "Стих",
        "voice": "Озвучка",
        "song": "Песня",
        "clip": "Видео",
    }
    for section in names:
        fields = [page.all(tag, inside=f"{section}-form") for tag in ("select", "input")]
        assert [field.get("name") for field in fields[0]] == ["provider_kind", "model"]
        hidden = ["csrf_token", "stage_type", "version", "form_key"]
        assert [field.get("name") for field in fields[1]] == [*hidden, "api_key"]
        buttons = page.all("button", inside=f"{section}-form")
        assert [button.text for button in buttons if button.get("type") != "button"] == ["Сохранить"]
    assert "vision" not in admin.get("/admin/providers").text


def test_each_section_offers_the_providers_of_its_stage(
    admin: FlaskClient, change_settings: Callable[..., None]
) -> None:
    change_settings(dummy_provider=False)
    page = Page(admin.get("/admin/providers"))

    offered = {stage: set(page.options(f"{stage}-provider-kind")) - {""} for stage in ("poem", "voice", "song", "clip")}
    assert offered == {
        "poem": {"YANDEX_GPT", "GEMINI", "OPENAI"},
        "voice": {"SPEECHKIT"},
        "song": {"SUNO"},
        "clip": {"PIKA"},
    }
    change_settings(dummy_provider=True)
    assert "DUMMY" in Page(admin.get("/admin/providers")).options("clip-provider-kind")


@pytest.mark.usefixtures("openai_section")
def test_the_models_in_the_select_are_those_that_the_server_stored(app: Flask, admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    assert list(page.options("poem-model")) == ["gpt-5.1", "gpt-5.1-mini"]
    assert page.chosen("poem-model") == "gpt-5.1"
    scripts = "".join(admin.get(str(script.get("src")), buffered=True).text for script in page.all("script"))
    assert "gpt" not in scripts


@pytest.mark.usefixtures("openai_section")
def test_a_model_is_called_what_the_provider_calls_it_and_breaks_no_page(app: Flask, admin: FlaskClient) -> None:
    odd = 'a"b<c>&amp;</select>'
    with app.app_context():
        row = builders.section()
        row.models_cache, row.model = ["gpt-5.1", odd], odd
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    assert page.options("poem-model") == {"gpt-5.1": "gpt-5.1", odd: odd}
    assert page.chosen("poem-model") == odd


@pytest.mark.usefixtures("openai_section")
def test_a_model_that_left_the_list_stays_chosen_and_is_marked(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.section().models_cache = ["gpt-5.2", "gpt-6"]
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    assert page.chosen("poem-model") == "gpt-5.1"
    assert page.options("poem-model")["gpt-5.1"] == "gpt-5.1 (нет в списке)"
    assert "Похожие: gpt-5.2" in page.by_id("poem-status").text


def test_without_a_model_the_first_of_the_list_is_offered(admin: FlaskClient) -> None:
    assert Page(admin.get("/admin/providers")).options("poem-model") == {"": "первая строка списка"}


@pytest.mark.usefixtures("openai_section")
def test_a_new_key_is_shown_beside_the_one_in_use_until_it_passes(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", api_key="sk-another-key-c3d4")
    page = Page(admin.get("/admin/providers"))
    assert "ключ …a1b2" in page.by_id("poem-status").text
    assert "ключ …c3d4: проверяется" in page.by_id("poem-candidate").text

    with app.app_context():
        row = builders.section()
        row.candidate_status, row.candidate_reason, row.candidate_detail = Status.INVALID, Reason.REJECTED, "code-401"
        row.check_requested_at = None
        db.session.commit()

    page = Page(admin.get("/admin/providers"))
    text = page.by_id("poem-candidate").text
    assert "ключ …c3d4: не принято" in text
    assert "Провайдер не принимает ключ." in text
    assert "code-401" in text
    assert {button.text for button in page.all("button", inside="poem-candidate")} == {"Повторить", "Отбросить"}
    assert page.one("span", inside="poem", class_="badge text-bg-success").text == "работает"
    post(admin, "/admin/providers/POEM/discard")
    assert "c3d4" not in admin.get("/admin/providers").text


@pytest.mark.usefixtures("openai_section")
def test_the_form_of_a_new_provider_offers_the_models_of_its_key(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        row = builders.section()
        row.candidate_provider_kind, row.candidate_model = ProviderKind.GEMINI, "gemini-x"
        row.candidate_models, row.candidate_status = ["gemini-1", "gemini-2"], Status.INVALID
        row.candidate_reason, row.candidate_api_key_last4 = Reason.MODEL_NOT_LISTED, "9z9z"
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    assert page.chosen("poem-provider-kind") == "GEMINI"
    assert set(page.options("poem-model")) == {"gemini-1", "gemini-2", "gemini-x"}
    assert "9z9z" in page.by_id("poem-api-key-hint").text


def test_a_key_from_the_environment_is_named_as_such(
    admin: FlaskClient, change_settings: Callable[..., None], app: Flask
) -> None:
    change_settings(openai_api_key=type(app.config["SETTINGS"].secret_key)(KEY))

    answer = admin.get("/admin/providers")

    text = Page(answer).by_id("poem-status").text
    assert "OpenAI, ключ из окружения" in text
    assert "Перенести ключ сюда" in text
    assert KEY not in answer.text


def test_a_key_from_the_environment_is_taken_over_with_one_button(
    admin: FlaskClient,
    change_settings: Callable[..., None],
    app: Flask,
    messages: list[tuple[int | str, ...]],
) -> None:
    change_settings(openai_api_key=type(app.config["SETTINGS"].secret_key)(KEY))

    post(admin, "/admin/providers/POEM/import-env")

    assert (CHECK, "POEM") in messages
    with app.app_context():
        row = builders.section()
        assert (row.provider_kind, row.api_key_last4, row.status) == (ProviderKind.OPENAI, KEY[-4:], Status.UNKNOWN)
    post(admin, "/admin/providers/POEM/import-env")
    assert "нет ключа в окружении" in Page(admin.get("/admin/providers")).by_id("poem").text


def test_a_section_that_is_checked_keeps_itself_up_to_date(app: Flask, admin: FlaskClient) -> None:
    save(admin)
    answer = admin.get("/admin/providers")
    assert Page(answer).by_id("poem").get("data-live") == "/admin/providers/POEM"
    assert '<noscript><meta http-equiv="refresh"' in answer.text
    with app.app_context():
        builders.checks.check(StageType.POEM)

    fragment = admin.get("/admin/providers/POEM")

    page = Page(fragment)
    assert page.by_id("poem").get("data-live") is None
    assert page.all("html") == []
    assert len(page.options("poem-model")) > 1
    assert "refresh" not in admin.get("/admin/providers").text
    assert admin.get("/admin/providers/NO_SUCH").status_code == 404


def test_the_page_costs_one_query_for_the_sections_and_one_for_the_administrator(
    app: Flask, admin: FlaskClient
) -> None:
    save(admin)
    admin.get("/admin/providers")
    queries: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(*arguments: object) -> None:
        queries.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        admin.get("/admin/providers")
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert len([query for query in queries if query.lstrip().startswith("SELECT")]) == 2


@pytest.mark.usefixtures("endless_locks")
@pytest.mark.parametrize("path", ["/admin/providers", "/admin/login"])
def test_pages_are_there_while_somebody_else_writes(app: Flask, admin: FlaskClient, path: str) -> None:
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("only SQLite has one writer at a time")
        file = db.engine.url.database
    save(admin)
    visitor = app.test_client() if path == "/admin/login" else admin
    writer = sqlite3.connect(str(file), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        status = answer_of(lambda: visitor.get(path).status_code)
    finally:
        writer.execute("ROLLBACK")
        writer.close()

    assert status == 200
