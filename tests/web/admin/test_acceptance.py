"""The customer's acceptance list (section H of the assignment): one test for each line, named after it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select

import celeryconfig
from domain.db import db, utc_now
from domain.orders.models import Attempt
from domain.provider_configs import checks
from domain.provider_configs.models import Status
from providers.kinds import ProviderKind, StageType, allowed_providers
from tasks.config import refresh_stale_models, validate_and_fetch_models
from tasks.generation import generate_poem
from tests import builders
from tests.emulator.server import Emulator
from tests.web.admin.browser import Page, save

ROOT = Path(__file__).parent.parent.parent.parent
KEY = "sk-fake-acceptance-0123456789-a1b2"
OTHER_KEY = "sk-fake-elsewhere-0123456789-c3d4"
SECTIONS = {"POEM": "Стих", "VOICE": "Озвучка", "SONG": "Песня", "CLIP": "Видео"}


@pytest.fixture
def working_key(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    """A key of OPENAI that was saved in the page and checked by the worker's task."""
    emulator.openai.add_key("acceptance", KEY)
    save(admin, provider_kind="OPENAI", api_key=KEY)
    with app.app_context():
        validate_and_fetch_models("POEM")


def test_h1_the_page_shows_four_sections(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    shown = {
        str(section.get("id")).upper(): page.one("h2", inside=str(section.get("id"))).text
        for section in page.all("section")
    }
    assert shown == SECTIONS
    assert set(shown) == set(StageType)


@pytest.mark.parametrize("stage_type", StageType)
def test_h2_each_section_has_a_limited_choice_of_providers_a_key_and_one_model(
    admin: FlaskClient, stage_type: StageType
) -> None:
    page, section = Page(admin.get("/admin/providers")), stage_type.lower()

    providers = [kind for kind in page.options(f"{section}-provider-kind") if kind]
    assert providers == list(allowed_providers(stage_type, dummy=True))
    assert page.one("input", inside=section, name="api_key").get("type") == "password"
    assert len(page.all("select", inside=section, name="model")) == 1
    names = {element.get("name") for tag in ("input", "select", "textarea") for element in page.all(tag, section)}
    hidden = {"stage_type", "version", "csrf_token", "form_key"}
    assert names - {None} == {"provider_kind", "api_key", "model"} | hidden


def test_h3_after_a_key_is_saved_its_real_models_appear_in_the_select(
    admin: FlaskClient, emulator: Emulator, working_key: None
) -> None:
    offered = [model for model in Page(admin.get("/admin/providers")).options("poem-model") if model]

    with_this_key = [call for call in emulator.requests if call.route == "models" and call.key == "acceptance"]
    assert with_this_key
    assert offered
    assert "gpt-5.4" in offered
    scripts = "".join(path.read_text() for path in (ROOT / "web" / "static").glob("*.js"))
    assert scripts
    assert not any(model in scripts for model in offered)


def test_h4_once_a_day_the_list_is_refreshed_by_itself(
    app: Flask, admin: FlaskClient, emulator: Emulator, working_key: None, messages: list[tuple[int | str, ...]]
) -> None:
    assert "tasks.config.refresh_stale_models" in {entry["task"] for entry in celeryconfig.beat_schedule.values()}
    emulator.openai.fail(
        "models",
        status=200,
        body={"object": "list", "data": [{"id": "gpt-next", "object": "model", "created": 1}]},
        times=None,
    )
    messages.clear()
    with app.app_context():
        refresh_stale_models()
        assert messages == []
        row = builders.section()
        row.models_cache_updated_at = utc_now() - timedelta(hours=24)
        db.session.commit()

        refresh_stale_models()

        assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
        validate_and_fetch_models("POEM")
        assert builders.section().models_cache == ["gpt-next"]


def test_h5_every_poem_is_made_with_the_chosen_provider_and_model_and_no_other(
    app: Flask,
    admin: FlaskClient,
    emulator: Emulator,
    working_key: None,
    change_settings: Callable[..., None],
) -> None:
    emulator.openai.add_key("elsewhere", OTHER_KEY)
    change_settings(openai_api_key=SecretStr(OTHER_KEY))
    save(admin, provider_kind="OPENAI", model="gpt-4o-mini")
    with app.app_context():
        for _ in range(3):
            generate_poem(builders.stage_of(builders.place_order()).id)

        made = {(attempt.provider_kind, attempt.model) for attempt in db.session.scalars(select(Attempt))}
    assert made == {(ProviderKind.OPENAI, "gpt-4o-mini")}
    assert [(charge.key, charge.model) for charge in emulator.ledger] == [("acceptance", "gpt-4o-mini")] * 3


def test_h6_every_provider_of_the_page_is_in_the_enum_and_openai_is_among_them(admin: FlaskClient) -> None:
    page = Page(admin.get("/admin/providers"))

    offered = {kind for section in SECTIONS for kind in page.options(f"{section.lower()}-provider-kind") if kind}
    assert offered == set(ProviderKind)
    assert "OPENAI" in page.options("poem-provider-kind")


def test_h7_a_wrong_key_is_marked_and_the_list_is_not_broken(
    app: Flask, admin: FlaskClient, emulator: Emulator, working_key: None
) -> None:
    before = Page(admin.get("/admin/providers")).options("poem-model")
    emulator.openai.play("revoked", times=None)
    with app.app_context():
        checks.check(StageType.POEM)
        assert builders.section().status is Status.INVALID

    assert Page(admin.get("/admin/providers")).options("poem-model") == before
