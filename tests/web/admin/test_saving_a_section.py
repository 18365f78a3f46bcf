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


REFUSED = [
    ({"model": "gpt-9"}, "poem-model", "Модели «gpt-9» нет в списке. Ничего не сохранено."),
    ({"provider_kind": "SUNO"}, "poem-provider-kind", "Этого провайдера здесь выбрать нельзя."),
    ({"provider_kind": "NO_SUCH"}, "poem-provider-kind", "Этого провайдера здесь выбрать нельзя."),
    ({"provider_kind": ""}, "poem-provider-kind", "Выберите провайдера."),
    ({"api_key": "ключ-по-русски"}, "poem-api-key", "буква, каких в ключах не бывает"),
    ({"api_key": "k" * 513}, "poem-api-key", "Ключ длиннее 512 символов."),
    ({"api_key": "********"}, "poem-api-key", "Это скрытый ключ"),
]


@pytest.mark.usefixtures("openai_section")
@pytest.mark.parametrize(("fields", "field_id", "sentence"), REFUSED)
def test_a_refused_save_is_a_redirect_with_the_message_at_its_field(
    app: Flask, admin: FlaskClient, fields: dict[str, str], field_id: str, sentence: str
) -> None:
    before = poem(app)

    answer = save(admin, **{"provider_kind": "OPENAI", **fields})

    assert (answer.status_code, answer.location) == (303, "/admin/providers#poem")
    page = Page(admin.get("/admin/providers"))
    assert sentence in page.by_id(f"{field_id}-error").text
    assert page.by_id(field_id).get("aria-invalid") == "true"
    assert f"{field_id}-error" in str(page.by_id(field_id).get("aria-describedby"))
    after = poem(app)
    assert before is not None
    assert after is not None
    assert (after.version, after.model, after.candidate_provider_kind) == (before.version, before.model, None)
    assert "aria-invalid" not in admin.get("/admin/providers").text, "shown once"


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


@pytest.mark.usefixtures("openai_section")
def test_a_save_on_an_outdated_page_is_refused_at_its_section(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", model="gpt-5.1-mini", version="0")

    page = Page(admin.get("/admin/providers"))
    assert "тем временем изменились" in page.one("div", inside="poem", role="alert").text
    row = poem(app)
    assert row is not None
    assert row.model == "gpt-5.1"


def test_a_version_left_out_is_not_compared(app: Flask, admin: FlaskClient) -> None:
    save(admin, version="0")
    save(admin, provider_kind="OPENAI", api_key=KEY)

    row = poem(app)
    assert row is not None
    assert row.provider_kind is ProviderKind.OPENAI


VALID = {"stage_type": "POEM", "provider_kind": "DUMMY", "api_key": "", "model": "", "version": "0"}


@pytest.mark.parametrize(
    "change",
    [
        {"stage_type": "poem"},
        {"stage_type": "POEM "},
        {"stage_type": ""},
        {"vision_model": "x"},
        {"version": "one"},
        {"version": "-1"},
        {"version": "1" * 30},
        {"model": ["a", "b"]},
    ],
)
def test_what_our_page_cannot_send_is_an_error_page(app: Flask, admin: FlaskClient, change: dict[str, object]) -> None:
    answer = post(admin, "/admin/providers/update", {**VALID, **change})

    assert answer.status_code == 400
    assert poem(app) is None


def test_a_doubled_token_is_refused_too(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))
    token = str(page.all("input", name="csrf_token")[0].get("value"))

    assert post(admin, "/admin/providers/update", {**VALID, "csrf_token": [token, token]}).status_code == 400


def test_a_body_that_is_no_form_is_refused(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))
    header = {"X-CSRFToken": str(page.all("input", name="csrf_token")[0].get("value"))}

    assert admin.post("/admin/providers/update", json=VALID).status_code == 400
    assert admin.post("/admin/providers/update", json=VALID, headers=header).status_code == 415


def test_a_body_that_is_too_large_is_refused(app: Flask, admin: FlaskClient) -> None:
    assert save(admin, api_key="k" * 70_000).status_code == 413
    assert poem(app) is None


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
