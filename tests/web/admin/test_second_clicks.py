"""A button of the administrator that is pressed twice: the second click does nothing, and says nothing that alarms."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db
from domain.orders.models import StageState
from domain.provider_configs.history import page_of
from domain.provider_configs.models import ProviderConfig
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page, post
from tests.web.admin.stored import KEY

POEM = StageType.POEM
OTHER_KEY = "sk-another-key-0123-c3d4"


def form_of_poems(admin: FlaskClient, **fields: str) -> dict[str, Any]:
    """What the form of the section of poems would send, with these fields filled in."""
    hidden = Page(admin.get("/admin/providers")).all("input", "poem-form", type="hidden")
    values = {str(field.get("name")): field.get("value") for field in hidden}
    return {**values, "provider_kind": "OPENAI", "api_key": "", "model": "", **fields}


def save(admin: FlaskClient, form: dict[str, Any]) -> str:
    """The words of the section after the form was sent."""
    assert admin.post("/admin/providers/update", data=form).status_code == 303
    return Page(admin.get("/admin/providers")).by_id("poem").text


def events(app: Flask) -> list[str]:
    with app.app_context():
        return [entry.event for entry in page_of(POEM, 50)]


def row_of_poems(app: Flask) -> ProviderConfig:
    with app.app_context():
        return builders.section()


def test_three_clicks_on_save_are_one_saving_and_say_so(app: Flask, admin: FlaskClient) -> None:
    form = form_of_poems(admin, api_key=KEY)

    said = [save(admin, form) for _ in range(3)]

    assert all("Сохранено. Проверка запущена." in words for words in said)
    assert events(app) == ["settings_saved"]


@pytest.mark.usefixtures("openai_section")
def test_a_model_that_was_chosen_is_saved_by_two_clicks(app: Flask, admin: FlaskClient) -> None:
    form = form_of_poems(admin, model="gpt-5.1-mini")

    said = [save(admin, form) for _ in range(2)]

    assert all("Сохранено." in words for words in said)
    assert events(app).count("model_changed") == 1


@pytest.mark.usefixtures("openai_section")
def test_other_values_on_a_page_that_is_late_are_still_not_saved(app: Flask, admin: FlaskClient) -> None:
    form = form_of_poems(admin, api_key=OTHER_KEY)
    save(admin, form)

    said = save(admin, {**form, "api_key": "sk-a-third-key-0123-e5f6"})

    assert "Не сохранено: настройки тем временем изменились." in said
    assert row_of_poems(app).candidate_api_key_last4 == "c3d4"


@pytest.mark.usefixtures("openai_section")
def test_a_form_of_an_older_page_without_a_key_is_saved(app: Flask, admin: FlaskClient) -> None:
    form = form_of_poems(admin, api_key=OTHER_KEY)
    del form["form_key"]

    assert "Сохранено." in save(admin, form)
    assert row_of_poems(app).saved_form is None


@pytest.mark.usefixtures("openai_section")
@pytest.mark.parametrize(
    ("button", "words", "event"),
    [
        ("check", "Проверка запущена.", "check_requested"),
        ("discard", "Новые настройки отброшены.", "candidate_discarded"),
        ("restore", "Прежние настройки возвращены как новые.", "previous_restored"),
        ("clear", "Ключ удалён.", "key_removed"),
    ],
)
def test_two_clicks_do_once_what_one_does(app: Flask, admin: FlaskClient, button: str, words: str, event: str) -> None:
    with app.app_context():
        row = builders.section()
        row.keep_as_previous()
        db.session.commit()
        if button == "discard":
            builders.save_section(POEM, ProviderKind.OPENAI, api_key=OTHER_KEY)

    said = []
    for _ in range(2):
        post(admin, f"/admin/providers/POEM/{button}")
        said.append(Page(admin.get("/admin/providers")).by_id("poem").text)

    assert all(words in each for each in said)
    assert events(app).count(event) == 1


def test_a_stage_that_is_tried_again_twice_is_started_once(
    app: Flask, admin: FlaskClient, messages: list[tuple[str, int | str]]
) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.set_state(order_id, POEM, StageState.FAILED)
    messages.clear()

    answers = [post(admin, f"/admin/orders/{order_id}/stages/POEM/retry") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(messages) == 1
    with app.app_context():
        assert builders.stage_of(order_id).state is StageState.QUEUED


@pytest.mark.parametrize("button", ["logout", "logout-everywhere"])
def test_signing_out_twice_leads_to_the_sign_in_both_times(admin: FlaskClient, button: str) -> None:
    form, cookie = form_of_poems(admin), admin.get_cookie("session")
    assert cookie is not None

    def click() -> str | None:
        # A second click comes before the answer to the first one has taken the cookie away.
        admin.set_cookie("session", cookie.value)
        return admin.post(f"/admin/{button}", data={"csrf_token": form["csrf_token"]}).location

    assert [click(), click()] == ["/admin/login", "/admin/login"]
