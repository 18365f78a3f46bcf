"""The history of a section, the way back, and what its card says of list, key and jobs."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.orders.models import Attempt, AttemptState, StageState
from domain.provider_configs import checks, history
from domain.provider_configs.models import FoundBy, Problem, Reason, Status, live_place
from domain.secrets.context import current_vault
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page, post, save
from tests.web.admin.stored import KEY
from web.i18n.history import EVENTS, history_sentence

pytestmark = pytest.mark.usefixtures("clock")

POEM = StageType.POEM
OLD_KEY = "sk-fake-previous-0123456789-z9y8"
CHECK = "tasks.config.validate_and_fetch_models"


@pytest.fixture
def with_previous(app: Flask, openai_section: None) -> None:
    """The section had another key and another model before."""
    with app.app_context():
        row = builders.section()
        row.previous_provider_kind, row.previous_model = ProviderKind.OPENAI, "gpt-4.1"
        row.previous_api_key_encrypted = current_vault().seal(OLD_KEY, live_place(POEM, ProviderKind.OPENAI))
        row.previous_api_key_last4 = OLD_KEY[-4:]
        db.session.commit()


@pytest.mark.usefixtures("openai_section")
def test_the_history_tells_who_did_what_and_what_checks_found_newest_first(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="OPENAI", model="gpt-5.1-mini")
    with app.app_context():
        for _ in range(3):
            history.record_check(POEM, "section_invalid", reason="rejected", detail="code-401")
            db.session.commit()

    page = Page(admin.get("/admin/providers/POEM/history"))

    lines = [item.text for item in page.all("li", class_="list-group-item text-break")]
    assert "проверка" in lines[0]
    assert "Не работает: провайдер не принимает ключ (code-401), раз: 3, последний " in lines[0]
    assert lines[1].endswith("Модель изменена: gpt-5.1 → gpt-5.1-mini.")
    assert "admin" in lines[1]
    assert lines[2].endswith("Сохранены настройки: OpenAI, gpt-5.1, ключ …a1b2.")
    assert KEY not in admin.get("/admin/providers/POEM/history").text


def test_every_event_has_its_words(app: Flask) -> None:
    with app.test_request_context():
        for event in EVENTS:
            assert "%(" not in history_sentence(history.HistoryEntry(actor="admin", event=event, facts={}))


@pytest.mark.usefixtures("openai_section")
def test_a_long_history_comes_in_pages(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        for number in range(60):
            history.record("admin", "model_changed", POEM, model=f"m{number}", previous_model="m")
        db.session.commit()

    first = Page(admin.get("/admin/providers/POEM/history"))
    older = first.all("a", class_="btn btn-outline-secondary")[-1].get("href")
    second = admin.get(str(older))

    assert len(first.all("li", class_="list-group-item text-break")) == 50
    assert "m0." in second.text
    assert admin.get("/admin/providers/POEM/history?before=99999999999999999999").status_code == 200


@pytest.mark.usefixtures("with_previous")
def test_the_previous_settings_come_back_as_new_ones_that_are_checked_first(
    app: Flask, admin: FlaskClient, messages: list[tuple[int | str, ...]]
) -> None:
    assert "…z9y8" in admin.get("/admin/providers/POEM/history").text

    post(admin, "/admin/providers/POEM/restore")

    assert (CHECK, "POEM") in messages
    with app.app_context():
        row = builders.section()
        assert (row.api_key_last4, row.status) == ("a1b2", Status.ACTIVE)
        assert (row.candidate_model, row.candidate_status) == ("gpt-4.1", Status.UNKNOWN)
        sealed = row.candidate_api_key_encrypted
        assert current_vault().open(str(sealed), live_place(POEM, ProviderKind.OPENAI)) == OLD_KEY
    text = Page(admin.get("/admin/providers")).by_id("poem").text
    assert "ключ …z9y8: проверяется" in text
    assert "Прежние настройки возвращены" in text


@pytest.mark.usefixtures("openai_section")
def test_without_previous_settings_there_is_no_way_back(admin: FlaskClient) -> None:
    assert "restore" not in admin.get("/admin/providers/POEM/history").text
    post(admin, "/admin/providers/POEM/restore")

    assert "Прежних настроек нет" in Page(admin.get("/admin/providers")).by_id("poem").text


@pytest.mark.usefixtures("with_previous")
def test_a_key_that_is_removed_is_gone_with_the_one_before_it(app: Flask, admin: FlaskClient) -> None:
    post(admin, "/admin/providers/POEM/clear")

    with app.app_context():
        assert builders.section().previous_api_key_encrypted is None


@pytest.mark.usefixtures("openai_section")
def test_jobs_that_run_with_the_key_before_are_counted_until_they_end(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        row = builders.section()
        stage = builders.stage_of(builders.place_order())
        stage.state = StageState.SUBMITTED
        attempt = Attempt(stage_id=stage.id, number=1, provider_kind=ProviderKind.OPENAI, model="m")
        attempt.state, attempt.config_version = AttemptState.ACCEPTED, row.version
        attempt.api_key_encrypted = "sealed"
        db.session.add(attempt)
        db.session.commit()
        assert "прежним ключом" not in admin.get("/admin/providers").text
        row = builders.section()
        row.version += 1
        row.key_version = row.version
        db.session.commit()

    assert "1 работа ещё делается с прежним ключом" in Page(admin.get("/admin/providers")).by_id("poem-status").text

    with app.app_context():
        db.session.query(Attempt).update({"state": AttemptState.ANSWERED})
        db.session.commit()
    assert "прежним ключом" not in admin.get("/admin/providers").text


@pytest.mark.usefixtures("openai_section")
def test_the_card_says_when_and_by_what_a_reason_was_found_and_keeps_the_providers_words_behind_details(
    app: Flask, admin: FlaskClient
) -> None:
    with app.app_context():
        finding = Problem(Reason.REJECTED, "code-401", FoundBy.GENERATION)
        builders.section().set_status(Status.INVALID, finding, utc_now() - timedelta(minutes=7))
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    assert "Обнаружено при выполнении заказа 7 минут назад" in page.by_id("poem-status").text
    assert "code-401" in page.one("details", inside="poem-status").text


@pytest.mark.usefixtures("openai_section")
def test_the_verdict_on_the_list_stands_beside_that_on_the_key(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        row = builders.section()
        row.checked_at = utc_now()
        row.models_reason, row.models_tried_at = Reason.UNAVAILABLE, utc_now()
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    assert page.one("span", inside="poem", class_="badge text-bg-success").text == "работает"
    assert "Ключ принят, проверен" in page.by_id("poem-status").text
    assert "Не удалось получить список моделей" in page.by_id("poem-status").text


@pytest.mark.usefixtures("openai_section")
def test_a_new_provider_that_has_no_list_says_nothing_of_the_one_in_use(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.save_section(StageType.SONG, ProviderKind.DUMMY)
        checks.check(StageType.SONG)
    save(admin, stage_type="SONG", provider_kind="SUNO", api_key=KEY)

    assert "из документации" not in Page(admin.get("/admin/providers")).by_id("song-status").text


@pytest.mark.usefixtures("openai_section")
def test_new_and_ending_models_are_marked_behind_their_names(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        row = builders.section()
        row.models_added = {"gpt-5.1-mini": utc_now().isoformat()}
        row.models_retiring = {"gpt-5.1": (utc_now() + timedelta(days=10)).date().isoformat()}
        db.session.commit()

    page = Page(admin.get("/admin/providers"))

    options = page.options("poem-model")
    assert options["gpt-5.1-mini"] == "gpt-5.1-mini (новая)"
    assert options["gpt-5.1"].startswith("gpt-5.1 (до ")
    assert "gpt-5.1 провайдер отключит" in page.by_id("poem-status").text
    with app.app_context():
        far = (utc_now() + timedelta(days=40)).date().isoformat()
        builders.section().models_retiring = {"gpt-5.1": far}
        db.session.commit()
    assert "Провайдер отключит" not in admin.get("/admin/providers").text
