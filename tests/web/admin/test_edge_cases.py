"""Each edge case of the settings that was thought through beforehand, against the emulated providers.

One test for each, named after it; what it is about is tested closer by elsewhere.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.generation import poll
from domain.maintenance import sweep
from domain.monitoring import alerts
from domain.orders.models import Attempt, StageState
from domain.provider_configs import history
from domain.provider_configs.changes import request_check
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import CheckRequest, _store, check, due_checks, request_stale_refreshes
from domain.provider_configs.models import Problem, Reason, Status
from domain.secrets.vault import Vault
from providers.kinds import ProviderKind, StageType
from settings import Settings, SettingsFault
from tests.builders import place_order, run, save_section, section, stage_of
from tests.domain.generation.jobs.job_orders import killed_after_the_submit
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.web.admin.browser import Page, save

POEM, SONG, CLIP = StageType.POEM, StageType.SONG, StageType.CLIP
OPENAI = ProviderKind.OPENAI
KEY, OTHER_KEY, WRONG_KEY = (f"sk-fake-{name}-0123456789-{name[:4]}" for name in ("first", "other", "wrong"))
OWN_POEM = "Море шумит"


@pytest.fixture(autouse=True)
def world(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that work at every provider, jobs that are done at once, and checks that do not sleep."""
    for room in emulator.rooms.values():
        room.add_key("first", KEY)
        room.add_key("other", OTHER_KEY)
    emulator.suno.job_seconds = emulator.pika.job_seconds = 0.001
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))


@pytest.fixture
def working(app: Flask) -> None:
    """POEM is served by OpenAI."""
    with app.app_context():
        serve(POEM, OPENAI)


def serve(stage_type: StageType, kind: ProviderKind, key: str = KEY) -> None:
    save_section(stage_type, kind, api_key=key)
    check(stage_type)
    assert section(stage_type).api_key_last4 == key[-4:]
    assert section(stage_type).status is Status.ACTIVE


def listings(emulator: Emulator) -> int:
    return sum(call.route == "models" for call in emulator.requests)


@pytest.mark.usefixtures("working")
def test_save_twice_quickly_and_the_first_check_ends_last(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        save_section(POEM, OPENAI, api_key=WRONG_KEY)
        from_first = section().version
        save_section(POEM, OPENAI, api_key=OTHER_KEY)
        check(POEM)

        late = CheckRequest(POEM, from_first, True, OPENAI, None, utc_now(), proof=True, model="")
        assert not _store(late, CheckResult(finding=Problem(Reason.REJECTED)))
        assert (section().api_key_last4, section().status) == (OTHER_KEY[-4:], Status.ACTIVE)


def test_save_key_broker_down(app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.messages._send", lambda _task, _argument: False)

    save(admin, provider_kind="OPENAI", api_key=KEY)

    assert "Проверка ещё не началась" in Page(admin.get("/admin/providers")).by_id("poem").text
    with app.app_context():
        assert section().api_key_last4 == KEY[-4:]
        assert sweep.sweep(utc_now() + timedelta(minutes=1)).checks == [POEM]
        check(POEM)
        assert section().status is Status.ACTIVE


@pytest.mark.usefixtures("working")
def test_provider_hangs(app: Flask, admin: FlaskClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.openai.adapter.OpenAI.check_seconds", 0.2)
    emulator.openai.fail("models", delay=60, times=None)

    assert save(admin, provider_kind="OPENAI", api_key=OTHER_KEY).status_code == 303
    with app.app_context():
        check(POEM)
        row = section()
        assert (row.candidate_status, row.candidate_reason) == (Status.INVALID, Reason.UNAVAILABLE)
        assert (row.api_key_last4, row.status) == (KEY[-4:], Status.ACTIVE)


def test_public_list_and_one_character_of_the_key_changed(app: Flask) -> None:
    with app.app_context():
        save_section(CLIP, ProviderKind.PIKA, api_key=f"{KEY[:-1]}x")
        check(CLIP)

        assert (section(CLIP).status, section(CLIP).reason) == (Status.INVALID, Reason.REJECTED)


def test_key_without_the_permission_to_list_but_with_that_to_generate(app: Flask, emulator: Emulator) -> None:
    emulator.openai.add_key("generates only", KEY, rights=frozenset({"model.request"}))
    with app.app_context():
        save_section(POEM, OPENAI, api_key=KEY)
        check(POEM)

        assert (section().status, section().reason) == (Status.INVALID, Reason.MODEL_NOT_CHOSEN)
        save_section(POEM, OPENAI, model="gpt-5.4")
        check(POEM)
        assert (section().status, section().models_reason) == (Status.ACTIVE, Reason.NO_PERMISSION)


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(
    "fault",
    [
        {"body": {"object": "list", "data": []}},
        {"body": "<html>maintenance</html>", "headers": {"Content-Type": "text/html"}},
        {"body": "x" * 6_000_000},
        {"body": {"object": "list", "data": [{"id": ["nested"]}]}},
    ],
    ids=["empty list", "HTML 200", "body over the size cap", "ids that are no texts"],
)
def test_lists_that_are_none(app: Flask, emulator: Emulator, fault: dict[str, object]) -> None:
    with app.app_context():
        models = section().models_cache
        emulator.openai.fail("models", status=200, times=None, **fault)

        check(POEM)

        assert section().models_cache == models
        assert section().model == models[0]


@pytest.mark.usefixtures("working")
def test_duplicate_ids_three_thousand_models_and_ids_that_differ_by_case(
    app: Flask, admin: FlaskClient, emulator: Emulator
) -> None:
    names = [*(f"gpt-x{number}" for number in range(3000)), "gpt-x1", "GPT-X1"]
    emulator.openai.catalogue = tuple(Model(name, 1772600000) for name in names)
    with app.app_context():
        check(POEM)
        assert len(section().models_cache) == 3001

    assert len(Page(admin.get("/admin/providers")).options("poem-model")) >= 3001


def test_pagination_error_on_page_3(app: Flask, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.gemini.adapter.PAGE_SIZE", 2)
    with app.app_context():
        serve(POEM, ProviderKind.GEMINI)
        models = section().models_cache
        asked = len(emulator.requests)
        # The first is the question about the key, the next two are pages.
        for _ in range(3):
            emulator.gemini.fail("models", delay=0.001)
        emulator.gemini.fail("models", status=503, times=None)

        check(POEM)

        row = section()
        assert len(emulator.requests) - asked > 4
        assert (row.status, row.models_reason, row.models_cache) == (Status.ACTIVE, Reason.UNAVAILABLE, models)


@pytest.mark.usefixtures("working")
def test_selected_model_missing_once_and_back_next_time(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        chosen, all_models = section().model, emulator.openai.catalogue
        emulator.openai.catalogue = tuple(model for model in all_models if model.id != chosen)
        check(POEM)
        emulator.openai.catalogue = all_models
        check(POEM)

        assert (section().model, section().model_missing_since) == (chosen, None)
        assert alerts.notice_sections(utc_now()) == []


@pytest.mark.usefixtures("working")
def test_edit_only_the_model_with_a_blank_key(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        sealed, other = section().api_key_encrypted, section().models_cache[1]

    save(admin, provider_kind="OPENAI", model=other)

    with app.app_context():
        assert (section().api_key_encrypted, section().model) == (sealed, other)
        assert history.page_of(POEM, 1)[0].event == "model_changed"


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("mask", [f"…{KEY[-4:]}", "••••••••", "********"])
def test_posting_the_displayed_mask_as_the_key(app: Flask, admin: FlaskClient, mask: str) -> None:
    with app.app_context():
        sealed = section().api_key_encrypted

    save(admin, provider_kind="OPENAI", api_key=mask)

    with app.app_context():
        assert (section().api_key_encrypted, section().has_candidate) == (sealed, False)


@pytest.mark.usefixtures("working")
def test_provider_switched_without_a_key(app: Flask, admin: FlaskClient) -> None:
    save(admin, provider_kind="GEMINI")

    assert "нужен свой ключ" in Page(admin.get("/admin/providers")).by_id("poem-api-key-error").text
    with app.app_context():
        assert (section().provider_kind, section().has_candidate) == (OPENAI, False)


@pytest.mark.usefixtures("working")
def test_two_admins(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        version = str(section().version)
    save(admin, provider_kind="OPENAI", api_key=OTHER_KEY, version=version)

    save(admin, provider_kind="OPENAI", api_key=WRONG_KEY, version=version)

    with app.app_context():
        assert section().candidate_api_key_last4 == OTHER_KEY[-4:]


@pytest.mark.parametrize("typed", [f"{KEY}\r\n", f"Bearer {KEY}", f'  "{KEY}" ', f"Api-Key {KEY}"])
def test_key_with_a_newline_or_bearer_around_it(app: Flask, admin: FlaskClient, typed: str) -> None:
    save(admin, provider_kind="OPENAI", api_key=typed)

    with app.app_context():
        check(POEM)
        assert section().status is Status.ACTIVE


def test_encryption_key_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_SECRET_KEY", raising=False)

    with pytest.raises(SettingsFault, match="ADMIN_SECRET_KEY is not set"):
        Settings.from_env()


@pytest.mark.usefixtures("working")
def test_encryption_key_wrong_on_one_worker(
    app: Flask, emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    with app.app_context():
        order, asked = place_order(), len(emulator.requests)
        change_settings(admin_secret_key=SecretStr("another-secret-0123456789-abcdefghijkl"))
        app.extensions.pop("vault", None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "domain.provider_configs.resolver.current_vault",
                lambda: Vault("another-secret-0123456789-abcdefghijkl"),
            )
            run(order)

        assert (stage_of(order).state, stage_of(order).reason) == (StageState.WAITING, Reason.UNREADABLE)
        assert len(emulator.requests) == asked


@pytest.mark.usefixtures("working")
def test_ciphertext_corrupted_in_one_row(app: Flask, admin: FlaskClient, emulator: Emulator) -> None:
    with app.app_context():
        section().api_key_encrypted = "not what was sealed"
        db.session.commit()
        asked = len(emulator.requests)
        check(POEM)

        assert (section().reason, len(emulator.requests)) == (Reason.UNREADABLE, asked)
    page = Page(admin.get("/admin/providers"))
    assert "не читается" in page.by_id("poem-status").text
    assert len(page.all("section")) == 4


def test_key_changed_while_a_clip_is_polling(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        serve(CLIP, ProviderKind.PIKA)
        order = place_order(frozenset({CLIP}), poem=OWN_POEM)
        run(order, CLIP)
        serve(CLIP, ProviderKind.PIKA, OTHER_KEY)

        poll.poll_due(utc_now() + timedelta(hours=1))

        assert stage_of(order, CLIP).state is StageState.DONE
        assert {call.key for call in emulator.requests if call.route == "job"} == {"first"}
        [attempt] = db.session.query(Attempt)
        assert attempt.api_key_encrypted is None


def test_worker_killed_after_the_submit_before_saving_the_remote_id(
    app: Flask, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        serve(SONG, ProviderKind.SUNO)
        order = place_order(frozenset({SONG}), poem=OWN_POEM)
        killed_after_the_submit(order, SONG, monkeypatch)

        for hours in (1, 2, 3):
            sweep.sweep(utc_now() + timedelta(hours=hours))
            poll.poll_due(utc_now() + timedelta(hours=hours))

        assert stage_of(order, SONG).state is StageState.ATTENTION
        assert sum(call.route == "generate" for call in emulator.requests) == 1


def test_402_during_song(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        serve(SONG, ProviderKind.SUNO)
        emulator.suno.keys[KEY].credit = 0
        orders = [place_order(frozenset({SONG}), poem=OWN_POEM) for _ in range(3)]
        for order in orders:
            run(order, SONG)

        assert {stage_of(order, SONG).state for order in orders} == {StageState.WAITING}
        [alert] = alerts.notice_sections(utc_now())
        assert (alert.stage_type, alert.reason, alert.waiting) == (SONG, Reason.NO_CREDIT, 3)
        emulator.suno.keys[KEY].credit = 10_000
        request_check(SONG, "admin")
        check(SONG)
        assert {stage_of(order, SONG).state for order in orders} == {StageState.QUEUED}
        assert [each.over for each in alerts.notice_sections(utc_now() + timedelta(minutes=1))] == [True]


@pytest.mark.usefixtures("working")
def test_rate_limit_storm(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        emulator.openai.play("rate_limited", times=None)
        for _ in range(5):
            run(place_order())

        assert (section().status, section().reason) == (Status.ACTIVE, None)


@pytest.mark.usefixtures("working")
def test_beat_runs_twice_or_was_off_for_3_days(app: Flask, emulator: Emulator) -> None:
    with app.app_context():
        later = utc_now() + timedelta(days=3)

        assert request_stale_refreshes(later) == [POEM]
        assert request_stale_refreshes(later) == []

        asked = listings(emulator)
        check(POEM)
        assert listings(emulator) == asked + 2
        assert due_checks(utc_now(), timedelta(0)) == []


@pytest.mark.usefixtures("working")
def test_canary_key_used_in_a_failing_call(
    app: Flask, admin: FlaskClient, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    with app.app_context():
        emulator.openai.fail("responses", status=401, body={"error": {"message": f"Incorrect API key: {KEY}"}})
        run(place_order())
        emulator.openai.remove_key(KEY)
        check(POEM)
        stored = json.dumps(
            [entry.facts for entry in history.page_of(POEM, 50)] + [section().detail, stage_of(1).detail]
        )

    pages = "".join(admin.get(path).text for path in ("/admin/providers", "/admin/orders/1", "/admin"))
    assert KEY not in stored + pages + "".join(capsys.readouterr())


@pytest.mark.usefixtures("working")
def test_redirect_from_the_provider_to_another_host(app: Flask, emulator: Emulator) -> None:
    with Emulator() as stranger, app.app_context():
        elsewhere = {"Location": f"{stranger.base_url(OPENAI)}/models"}
        emulator.openai.fail("models", status=302, headers=elsewhere, times=None)

        check(POEM)

        assert stranger.requests == []
        assert section().reason is Reason.UNAVAILABLE


def test_base_url_to_a_private_address(admin: FlaskClient) -> None:
    """An address of a provider is a setting of the installation: the form has no such field, and refuses one."""
    assert save(admin, provider_kind="OPENAI", api_key=KEY, base_url="http://169.254.169.254/").status_code == 400
