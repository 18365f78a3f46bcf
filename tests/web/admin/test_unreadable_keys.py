"""A key that cannot be opened with the present ADMIN_SECRET_KEY: told, in nobody else's way, healed by a new one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.maintenance import sweep
from domain.monitoring import alerts
from domain.orders.models import StageState
from domain.provider_configs.changes import ChangeRefused, restore_previous
from domain.provider_configs.checks import check
from domain.provider_configs.models import Problem, Reason, Status
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, save_section, section, stage_of, working_section
from tests.emulator.server import Emulator
from tests.other_secret import other_secret
from tests.web.admin.browser import Page, post, save

POEM, VOICE = StageType.POEM, StageType.VOICE
OPENAI = ProviderKind.OPENAI
KEY, OTHER_KEY, ENVIRONMENTS_KEY = (f"sk-fake-{name}-0123456789-{name[:4]}" for name in ("first", "other", "their"))
UNREADABLE = "Сохранённый ключ не читается. Он зашифрован другим ADMIN_SECRET_KEY. Введите ключ заново"


@pytest.fixture(autouse=True)
def world(app: Flask, emulator: Emulator) -> None:
    """OpenAI writes poems with the first key; DUMMY reads any text aloud."""
    for name, key in (("first", KEY), ("other", OTHER_KEY), ("environment", ENVIRONMENTS_KEY)):
        emulator.openai.add_key(name, key)
    with app.app_context():
        save_section(POEM, OPENAI, api_key=KEY)
        check(POEM)
        working_section(VOICE)
        assert section().status is Status.ACTIVE


def card(admin: FlaskClient) -> str:
    """The words of the section of poems, on a page that has all four."""
    answer = admin.get("/admin/providers")
    assert answer.status_code == 200
    page = Page(answer)
    assert len(page.all("section")) == 4
    return page.by_id("poem").text


def test_the_page_says_so_and_only_the_stage_of_that_key_waits(app: Flask, admin: FlaskClient) -> None:
    with other_secret(app), app.app_context():
        poem, voice = place_order(), place_order(frozenset({VOICE}), poem="Море шумит")
        run(poem)
        run(voice, VOICE)

        assert (stage_of(poem).state, stage_of(poem).reason) == (StageState.WAITING, Reason.UNREADABLE)
        assert stage_of(voice, VOICE).state is StageState.DONE
        assert UNREADABLE in card(admin)
        assert "ключ не читается" in Page(admin.get("/admin")).by_id("main").text
        assert "Введите ключ заново" in admin.get(f"/admin/orders/{poem.id}").text
        [alert] = alerts.notice_sections(utc_now())
        assert (alert.stage_type, alert.reason) == (POEM, Reason.UNREADABLE)
        # Not since the section began to work, which is what its row knows.
        assert alert.since == stage_of(poem).waiting_since


def test_the_environments_key_does_not_step_in(
    app: Flask, emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(openai_api_key=SecretStr(ENVIRONMENTS_KEY))
    asked = len(emulator.requests)

    with other_secret(app), app.app_context():
        order = place_order()
        run(order)
        check(POEM)

        assert stage_of(order).reason == Reason.UNREADABLE
        assert len(emulator.requests) == asked


def test_what_waits_for_the_secret_stays_quiet_and_goes_on_as_soon_as_it_is_back(
    app: Flask, admin: FlaskClient
) -> None:
    with app.app_context():
        order = place_order()
        with other_secret(app):
            run(order)
            assert sweep.sweep(utc_now()).stages == []
            assert stage_of(order).state is StageState.WAITING

        [ready] = sweep.sweep(utc_now()).stages
        run(order)

        assert (ready.stage_type, stage_of(order).state) == (POEM, StageState.DONE)
        assert "не читается" not in card(admin)


def test_a_new_key_typed_in_heals_it(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    with other_secret(app), app.app_context():
        order = place_order()
        run(order)
        check(POEM)
        assert (section().status, section().reason) == (Status.INVALID, Reason.UNREADABLE)

        save(admin, provider_kind="OPENAI", api_key=OTHER_KEY)
        check(POEM)
        run(order)

        assert (section().status, section().has_candidate) == (Status.ACTIVE, False)
        assert stage_of(order).state is StageState.DONE
        assert [charge.key for charge in emulator.ledger] == ["other"]
        assert "не читается" not in card(admin)


def test_a_provider_that_was_away_does_not_hide_it(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        section().set_status(Status.INVALID, Problem(Reason.UNAVAILABLE), utc_now())
        db.session.commit()

    with other_secret(app):
        assert UNREADABLE in card(admin)
        badge = Page(admin.get("/admin/providers")).one("span", inside="poem", class_="badge text-bg-danger")
        assert badge.text == "не работает"
    assert "не читается" not in card(admin)


def test_an_unreadable_candidate_leaves_the_live_key_alone(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    with app.app_context():
        with other_secret(app):
            save_section(POEM, OPENAI, api_key=OTHER_KEY)
        asked = len(emulator.requests)
        check(POEM)
        order = place_order()

        assert (section().candidate_status, section().candidate_reason) == (Status.INVALID, Reason.UNREADABLE)
        assert len(emulator.requests) == asked
        assert UNREADABLE in Page(admin.get("/admin/providers")).by_id("poem-candidate").text
        run(order)
        assert stage_of(order).state is StageState.DONE

        save(admin, provider_kind="OPENAI", api_key=OTHER_KEY)
        check(POEM)
        assert (section().api_key_last4, section().has_candidate) == (OTHER_KEY[-4:], False)


def test_a_candidate_passes_when_its_secret_is_back_and_it_is_tried_again(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        save_section(POEM, OPENAI, api_key=OTHER_KEY)
        with other_secret(app):
            check(POEM)
        assert section().candidate_reason is Reason.UNREADABLE

        post(admin, "/admin/providers/POEM/check?candidate=1")
        check(POEM)

        assert (section().api_key_last4, section().has_candidate) == (OTHER_KEY[-4:], False)


def test_settings_whose_key_cannot_be_read_do_not_come_back_and_replace_nothing(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        save_section(POEM, OPENAI, api_key=OTHER_KEY)
        check(POEM)
        save_section(POEM, OPENAI, api_key=ENVIRONMENTS_KEY)
        version = section().version

    with other_secret(app):
        post(admin, "/admin/providers/POEM/restore")

        assert "Прежний ключ не читается: он зашифрован другим ADMIN_SECRET_KEY. Верните тот в" in card(admin)
        with app.app_context(), pytest.raises(ChangeRefused, match="previous_unreadable"):
            restore_previous(POEM, "admin")
    with app.app_context():
        assert (section().version, section().candidate_api_key_last4) == (version, ENVIRONMENTS_KEY[-4:])
        restore_previous(POEM, "admin")
        check(POEM)
        assert section().api_key_last4 == KEY[-4:]


def test_a_section_that_a_check_found_unreadable_is_checked_again_by_itself(app: Flask) -> None:
    with app.app_context():
        with other_secret(app):
            check(POEM)
        assert section().reason is Reason.UNREADABLE

        assert sweep.sweep(utc_now() + timedelta(minutes=2)).checks == [POEM]
        check(POEM)

        assert section().status is Status.ACTIVE
