"""New settings that did not pass: told apart by whether the key is wrong or nobody could ask, and never in the way."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.provider_configs import history
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page, post, save
from tests.web.admin.stored import KEY

pytestmark = pytest.mark.usefixtures("clock")

PROVIDERS = "/admin/providers"


@pytest.fixture
def refused_gemini(app: Flask, openai_section: None) -> None:
    """OpenAI serves; a key for Gemini was refused."""
    with_gemini(app, Reason.REJECTED)


def with_gemini(app: Flask, reason: Reason) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.GEMINI, api_key="AIza-fake-0123456789-9z9z")
        row = builders.section()
        row.candidate_status, row.candidate_reason = Status.INVALID, reason
        row.check_requested_at = None
        if reason is Reason.UNAVAILABLE:
            row.candidate_next_check_at = utc_now() + timedelta(minutes=1)
        db.session.commit()


@pytest.mark.usefixtures("refused_gemini")
def test_the_form_shows_what_is_in_use_and_the_box_what_was_refused(admin: FlaskClient) -> None:
    page = Page(admin.get(PROVIDERS))

    assert page.chosen("poem-provider-kind") == "OPENAI"
    assert page.by_id("poem-api-key-hint").text == "Сохранён: …a1b2. Оставьте пустым, чтобы не менять."
    box = page.by_id("poem-candidate").text
    assert box.startswith("Новое: Google Gemini, ключ …9z9z: не принято Провайдер не принимает ключ.")
    assert "Введите новый ключ с сайта провайдера." in box
    assert "Сами новые больше не проверяются." in box


def test_of_a_short_key_nothing_is_shown(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key="short-a1b2")

    answer = admin.get(PROVIDERS)

    hint = "Оставьте пустым, чтобы не менять сохранённый ключ; он никогда не показывается."
    assert Page(answer).by_id("poem-api-key-hint").text == hint
    assert "a1b2" not in answer.text


@pytest.mark.usefixtures("refused_gemini")
def test_another_key_can_be_tried_for_what_was_refused(admin: FlaskClient) -> None:
    link = str(Page(admin.get(PROVIDERS)).by_id("poem-another-key").get("href"))
    page = Page(admin.get(link))

    assert link.endswith("#poem-api-key")
    assert page.chosen("poem-provider-kind") == "GEMINI"
    assert page.by_id("poem-api-key-hint").text == "Ключ …9z9z не принят. Введите другой."
    # It is not to be replaced by the form of what is in use while somebody copies a key.
    assert "data-dirty" in page.by_id("poem-form").attributes
    assert "data-dirty" not in page.by_id("voice-form").attributes


@pytest.mark.usefixtures("refused_gemini")
def test_no_refused_key_is_said_to_be_stored(admin: FlaskClient) -> None:
    assert "Сохранён: …9z9z" not in admin.get(PROVIDERS).text


@pytest.mark.usefixtures("openai_section")
def test_another_key_for_the_provider_in_use_says_which_one_was_refused(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", api_key="sk-another-key-c3d4")
    with app.app_context():
        row = builders.section()
        row.candidate_status, row.candidate_reason, row.check_requested_at = Status.INVALID, Reason.REJECTED, None
        db.session.commit()

    assert "…a1b2" in Page(admin.get(PROVIDERS)).by_id("poem-api-key-hint").text
    hint = Page(admin.get(f"{PROVIDERS}?another_key_for=POEM")).by_id("poem-api-key-hint").text
    assert hint == "Ключ …c3d4 не принят. Введите другой."


@pytest.mark.usefixtures("openai_section")
def test_an_outage_refuses_nothing_and_says_when_it_is_checked_again(app: Flask, admin: FlaskClient) -> None:
    with_gemini(app, Reason.UNAVAILABLE)
    with app.app_context():
        history.record_check(StageType.POEM, "candidate_refused", reason=Reason.UNAVAILABLE)
        db.session.commit()

    page = Page(admin.get(PROVIDERS))
    box = page.by_id("poem-candidate").text

    assert "ключ …9z9z: ещё не проверено Провайдер не отвечает. Поэтому пока неизвестно, верен ли ключ." in box
    assert "Проверим ещё раз через 1 минуту (сегодня, 12:01)." in box
    assert "не принято" not in page.by_id("poem").text
    assert "С настройками всё в порядке" not in box
    assert "не принято" not in str(page.by_id("poem-status").get("data-say"))
    told = Page(admin.get(f"{PROVIDERS}/POEM/history")).all("li", class_="list-group-item text-break")[0].text
    assert told.endswith("Новые настройки пока не удалось проверить: провайдер не отвечает.")


def test_a_first_key_that_nobody_could_ask_about_is_not_called_wrong_nor_right(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
        row = builders.section()
        row.check_requested_at = None
        row.set_status(Status.INVALID, Problem(Reason.UNAVAILABLE), utc_now())
        db.session.commit()

    text = Page(admin.get(PROVIDERS)).by_id("poem-status").text

    assert text.startswith("Стих ещё не проверено")
    assert "Поэтому пока неизвестно, верен ли ключ." in text
    assert "не работает" not in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.REJECTED, "Новые настройки не приняты: провайдер не принимает ключ."),
        (Reason.UNAVAILABLE, "Новые настройки ещё не проверены: провайдер не отвечает."),
    ],
)
def test_the_start_page_tells_of_new_settings_that_did_not_pass(
    app: Flask, admin: FlaskClient, openai_section: None, reason: Reason, said: str
) -> None:
    with_gemini(app, reason)

    page = Page(admin.get("/admin"))

    assert said in page.by_id("readiness").text
    assert page.by_id("trial-poem").get("href") == "/admin/providers#poem-candidate"


@pytest.mark.usefixtures("openai_section")
def test_a_section_whose_key_was_removed_keeps_its_history(admin: FlaskClient) -> None:
    post(admin, f"{PROVIDERS}/POEM/clear")

    page = Page(admin.get(PROVIDERS))

    assert [a.get("href") for a in page.all("a", inside="poem-actions")] == [f"{PROVIDERS}/POEM/history"]
    assert page.all("button", inside="poem-actions") == []


def test_a_first_key_that_was_refused_is_not_offered_to_be_kept(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
        builders.section().set_status(Status.INVALID, Problem(Reason.REJECTED), utc_now())
        db.session.commit()

    assert Page(admin.get(PROVIDERS)).by_id("poem-api-key-hint").text == "Ключ …a1b2 не принят. Введите другой."
