"""What is answered to each kind of form that a page of ours can send: the page again, and what came of it.

Row by row, beside ``test_section_form_strangers.py`` with what our page cannot send. Rows that hold for every form are
tested for every form elsewhere: who is not signed in in ``tests/web/auth``, a database that is away in
``test_every_page.py``, one that is full in ``test_full_disk.py``, a secret that is missing or weak in
``test_settings.py``.
"""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from domain.db import db
from tests import builders
from tests.hostile.conftest import Post
from tests.hostile.sending import form
from tests.web.admin.browser import Page

ORIGIN = "form of a section, row by row"
NEW_KEY = "sk-fake-9876543210-z9y8"

pytestmark = pytest.mark.usefixtures("openai_section")
Stored = Callable[[], object]


SAVED = {
    "all good": {"api_key": NEW_KEY},
    "key of less than 8 characters": {"api_key": "k"},
    "key of 512 characters": {"api_key": "k" * 512},
    "key with % in it": {"api_key": "sk-fake-%ff%fe-0123"},
    "key with quotes and brackets in it": {"api_key": "sk-\"<{'fake'}>\"-0123"},
    "white space around a key": {"api_key": f"\r\n {NEW_KEY}\t"},
}


@pytest.mark.parametrize("changes", SAVED.values(), ids=SAVED)
def test_what_a_form_may_hold_is_saved(post: Post, stored: Stored, changes: dict[str, str]) -> None:
    before = stored()

    answer = post("saved", form(**changes))

    assert (answer.status_code, answer.location) == (303, "/admin/providers#poem")
    assert stored() != before
    assert builders.section().candidate_api_key_last4 == (
        changes["api_key"].strip()[-4:] if len(changes["api_key"]) >= 12 else None
    )


def test_a_form_that_is_sent_again_changes_nothing_more(post: Post, stored: Stored) -> None:
    body = form(version=str(builders.section().version))
    first = post("first", body)
    after_the_first = stored()

    again = post("replay", body)

    assert (first.status_code, again.status_code) == (303, 303)
    assert stored() == after_the_first


UNCHANGED = {
    "empty key, stored key exists, provider unchanged": {"api_key": ""},
    "model equal to the stored one, which is not in the list": {"api_key": "", "model": "gpt-5.1"},
    "white space for a key": {"api_key": " \t\u00a0"},
}


@pytest.mark.parametrize("changes", UNCHANGED.values(), ids=UNCHANGED)
def test_what_changes_nothing_is_said_so(
    admin: FlaskClient, post: Post, stored: Stored, changes: dict[str, str]
) -> None:
    builders.section().models_cache = ["gpt-5.2"]
    db.session.commit()
    before = stored()

    answer = post("unchanged", form(**changes))

    assert answer.status_code == 303
    assert stored() == before
    assert "Ничего не изменилось" in admin.get("/admin/providers").text


PROVIDER, MODEL, API_KEY = "poem-provider-kind", "poem-model", "poem-api-key"
ODD = "буква, каких в ключах не бывает"
REFUSED = {
    "provider unknown": ({"provider_kind": "NO_SUCH"}, PROVIDER, "Этого провайдера здесь выбрать нельзя."),
    "provider not allowed for the stage": ({"provider_kind": "SUNO"}, PROVIDER, "Этого провайдера здесь выбрать"),
    "no provider": ({"provider_kind": ""}, PROVIDER, "Выберите провайдера."),
    "model not in the list": ({"model": "gpt-9", "api_key": ""}, MODEL, "Модели «gpt-9» нет в списке."),
    "model of another provider": ({"model": "gemini-3-pro", "api_key": ""}, MODEL, "нет в списке."),
    "empty key, provider changed": ({"api_key": "", "provider_kind": "GEMINI"}, API_KEY, "нужен свой ключ"),
    "key with a space inside": ({"api_key": "sk-fake 0123456789"}, API_KEY, ODD),
    "key with a control character": ({"api_key": "sk-fake\x070123456789"}, API_KEY, ODD),
    "key with NUL": ({"api_key": "sk-fake\x000123456789"}, API_KEY, ODD),
    "key with CR LF": ({"api_key": "sk-fake\r\n0123456789"}, API_KEY, ODD),
    "key with letters that are not ASCII": ({"api_key": "ключ-по-русски"}, API_KEY, ODD),
    "key of bullets": ({"api_key": "••••a1b2"}, API_KEY, ODD),
    "key of asterisks": ({"api_key": "********"}, API_KEY, "Это скрытый ключ"),
    "key longer than 512": ({"api_key": "k" * 513}, API_KEY, "Ключ длиннее 512 символов."),
    "field of 20 kB": ({"api_key": "k" * 20_000}, API_KEY, "Ключ длиннее 512 символов."),
}


@pytest.mark.parametrize(("changes", "field_id", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_refused_save_is_a_redirect_with_the_message_at_its_field(
    admin: FlaskClient,
    post: Post,
    stored: Stored,
    changes: dict[str, str],
    field_id: str,
    sentence: str,
) -> None:
    before = stored()

    answer = post("refused", form(**changes))

    assert (answer.status_code, answer.location) == (303, "/admin/providers#poem")
    assert stored() == before
    page = Page(admin.get("/admin/providers"))
    assert sentence in page.by_id(f"{field_id}-error").text
    assert page.by_id(field_id).get("aria-invalid") == "true"
    assert f"{field_id}-error" in str(page.by_id(field_id).get("aria-describedby"))
    assert "aria-invalid" not in admin.get("/admin/providers").text, "shown once"


def test_a_save_on_a_stale_page_is_refused_at_its_section(admin: FlaskClient, post: Post, stored: Stored) -> None:
    before = stored()

    post("stale", form(version="0"))

    assert "тем временем изменились" in Page(admin.get("/admin/providers")).one("div", inside="poem", role="alert").text
    assert stored() == before
