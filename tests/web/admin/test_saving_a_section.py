"""What saving a section, and the buttons beside it, do and refuse."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from providers.kinds import ProviderKind
from tests import builders
from tests.web.admin.browser import Page, post, save
from tests.web.admin.stored import KEY, poem

CHECK = "tasks.config.validate_and_fetch_models"


def test_saving_leads_back_to_the_section_and_asks_for_a_check(
    app: Flask, admin: FlaskClient, messages: list[tuple[str, int | str]]
) -> None:
    answer = save(admin, provider_kind="OPENAI", api_key=KEY, version="0")

    assert (answer.status_code, answer.location) == (303, "/admin/providers#poem")
    assert messages == [(CHECK, "POEM")]
    page = admin.get("/admin/providers")
    assert "Сохранено. Проверка запущена." in page.text
    assert "ключ …a1b2" in Page(page).by_id("poem-status").text
    assert KEY not in page.text
    assert Page(page).by_id("poem-api-key").get("value") in (None, "")
    row = poem(app)
    assert row is not None
    assert row.updated_by == "admin"


def test_a_check_that_cannot_be_sent_is_said_and_nothing_is_lost(
    app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.messages._send", lambda _task, _argument: False)

    save(admin)

    assert "Проверка ещё не началась, она начнётся сама." in admin.get("/admin/providers").text
    row = poem(app)
    assert row is not None
    assert row.is_checking


@pytest.mark.usefixtures("openai_section")
def test_a_blank_key_keeps_the_stored_one_and_the_model_changes(app: Flask, admin: FlaskClient) -> None:
    before = poem(app)
    assert before is not None

    save(admin, provider_kind="OPENAI", model="gpt-5.1-mini", version=str(before.version))

    after = poem(app)
    assert after is not None
    assert (after.model, after.api_key_encrypted) == ("gpt-5.1-mini", before.api_key_encrypted)
    assert "Сохранено." in admin.get("/admin/providers").text


def test_another_provider_without_its_key_is_refused_at_the_key(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section()

    save(admin, provider_kind="OPENAI")

    page = Page(admin.get("/admin/providers"))
    assert "Для OpenAI нужен свой ключ" in page.by_id("poem-api-key-error").text
    assert page.chosen("poem-provider-kind") == "OPENAI"
    row = poem(app)
    assert row is not None
    assert row.provider_kind is ProviderKind.DUMMY


@pytest.mark.usefixtures("openai_section")
def test_what_was_typed_stays_but_never_the_key(admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", model="gpt-9", api_key="bad key with spaces")
    with admin.session_transaction() as session:
        assert "bad key" not in str(dict(session))

    answer = admin.get("/admin/providers")

    page = Page(answer)
    assert (page.chosen("poem-provider-kind"), page.chosen("poem-model")) == ("OPENAI", "gpt-9")
    assert "bad key" not in answer.text


def test_a_version_left_out_is_not_compared(app: Flask, admin: FlaskClient) -> None:
    save(admin, version="0")
    save(admin, provider_kind="OPENAI", api_key=KEY)

    row = poem(app)
    assert row is not None
    assert row.provider_kind is ProviderKind.OPENAI


@pytest.mark.parametrize("action", ["check", "discard", "clear"])
def test_the_buttons_lead_back_to_the_section(
    admin: FlaskClient, messages: list[tuple[str, int | str]], action: str
) -> None:
    save(admin)
    messages.clear()

    answer = post(admin, f"/admin/providers/POEM/{action}")

    assert (answer.status_code, answer.location) == (303, "/admin/providers#poem")
    assert messages == ([(CHECK, "POEM")] if action == "check" else [])
    assert post(admin, f"/admin/providers/VISION/{action}").status_code == 404


def test_removing_the_key_empties_the_section(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", api_key=KEY)

    post(admin, "/admin/providers/POEM/clear")

    row = poem(app)
    assert row is not None
    assert (row.provider_kind, row.api_key_encrypted) == (None, None)
    assert "не настроено" in Page(admin.get("/admin/providers")).by_id("poem-status").text


def test_there_is_nothing_to_check_in_an_empty_section(admin: FlaskClient) -> None:
    post(admin, "/admin/providers/SONG/check")

    page = Page(admin.get("/admin/providers"))
    assert page.one("div", inside="song", role="alert").text == "Проверять нечего: провайдер не задан."
