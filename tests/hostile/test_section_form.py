"""Naughty strings in every field of the form of a section, and on the pages that show them afterwards."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db
from domain.provider_configs.models import ProviderConfig, live_place
from domain.secrets.context import current_vault
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.hostile.conftest import on_one_database
from tests.hostile.pages import as_shown, bones
from tests.hostile.sending import send_form
from tests.hostile.strings import is_text, strings_for
from tests.hostile.tally import Tally
from tests.web.admin.browser import Page
from tests.web.admin.stored import KEY

ORIGIN = "form of a section"
FORM = {"stage_type": "POEM", "provider_kind": "OPENAI", "api_key": "", "model": "", "version": ""}
VISIBLE_ASCII = re.compile(r"[!-~]{1,512}")
MARKUP = re.compile(r"[<>&\"'%{}]")

Save = Callable[..., tuple[int, ProviderConfig]]

pytestmark = pytest.mark.usefixtures("clock", "kinds", "openai_section")


@pytest.fixture
def save(app: Flask, admin: FlaskClient, csrf: str, tally: Tally) -> Iterator[Save]:
    """``save("model", text)``: send the form with ``text`` in that field; the answer's status, and the row after it."""
    with app.app_context():

        def send(field: str, text: str, **others: str) -> tuple[int, ProviderConfig]:
            fields = {"csrf_token": csrf, **FORM, **others, field: text}
            answer = send_form(admin, "/admin/providers/update", fields.items())
            tally.answered((field, text), answer.status_code)
            return answer.status_code, builders.section()

        yield send


def refused_with(text: str) -> int:
    """The status for a text that cannot stand in a field: only our page's own encoding is a form at all."""
    return 303 if is_text(text) else 400


@on_one_database
@pytest.mark.parametrize("field", ["stage_type", "csrf_token", "version", "unknown"])
def test_what_our_page_does_not_put_there_is_refused(save: Save, tally: Tally, field: str) -> None:
    version = builders.section().version

    for text in strings_for(field):
        status, row = save(text, "1") if field == "unknown" else save(field, text)
        # What can stand for a number, of another version than the present one, or for none.
        expected = 303 if field == "version" and re.fullmatch(r"[0-9]{0,9}", text) else 400
        tally.refuse_that((field, text), let_in=(status, row.version) != (expected, version))


@on_one_database
@pytest.mark.parametrize("field", ["provider_kind", "model"])
def test_what_cannot_be_chosen_is_refused(save: Save, tally: Tally, field: str) -> None:
    version = builders.section().version

    for text in strings_for(field):
        status, row = save(field, text)
        tally.refuse_that((field, text), let_in=(status, row.version) != (refused_with(text), version))


@on_one_database
def test_a_model_that_is_refused_is_shown_as_it_was_typed(admin: FlaskClient, save: Save) -> None:
    save("model", "plain")
    harmless = bones(Page(admin.get("/admin/providers")))

    for text in filter(MARKUP.search, strings_for("a model that is shown")):
        save("model", text)
        page = Page(admin.get("/admin/providers"))
        assert bones(page) <= harmless, text
        assert page.chosen("poem-model") == text.strip()[:200], text
        assert as_shown(text[:200]) in page.by_id("poem").text, text


@on_one_database
def test_a_key_is_kept_as_it_was_sent_or_refused(save: Save, tally: Tally) -> None:
    for text in strings_for("api_key"):
        before = builders.section().version
        status, row = save("api_key", text)
        assert status == refused_with(text)
        if row.version != before:
            place = live_place(StageType.POEM, ProviderKind.OPENAI)
            assert row.candidate_api_key_encrypted is not None
            kept = current_vault().open(row.candidate_api_key_encrypted, place)
            tally.refuse_that(text, let_in=not VISIBLE_ASCII.fullmatch(kept) or kept not in text)


def test_a_model_whose_list_is_not_known_yet_is_kept_and_shown_as_it_was_typed(
    app: Flask, admin: FlaskClient, save: Save
) -> None:
    save("model", "plain", api_key=KEY)
    harmless = bones(Page(admin.get("/admin/providers/POEM")))

    for text in strings_for("model of a key"):
        before, typed = builders.section().version, text.strip()
        status, row = save("model", text, api_key=KEY)
        assert status == refused_with(text)
        if len(typed) > 200 or not typed.isprintable():
            assert row.version == before, text
            continue
        assert row.candidate_model == (typed or None)
        if MARKUP.search(text):
            page = Page(admin.get("/admin/providers/POEM"))
            assert bones(page) <= harmless, text
            assert as_shown(text) in page.by_id("poem").text, text


@on_one_database
def test_models_of_a_list_are_shown_and_chosen_by_their_names(admin: FlaskClient, save: Save) -> None:
    row = builders.section()
    harmless = bones(Page(admin.get("/admin/providers")))
    names = [
        text for text in map(str.strip, strings_for("list of models")) if text.isprintable() and 0 < len(text) <= 200
    ]
    row.models_cache = [*names, *row.models_cache]
    db.session.commit()

    page = Page(admin.get("/admin/providers"))
    assert bones(page) <= harmless
    assert set(names) <= set(page.options("poem-model"))

    for name in names[::10]:
        assert save("model", name)[1].model == name
