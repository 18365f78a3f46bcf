"""Orders, sections and secrets on the command line."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import create_engine, update

from domain.db import db, utc_now
from domain.orders.models import Stage, StageState
from providers.kinds import ProviderKind, StageType
from tests import builders

pytestmark = pytest.mark.usefixtures("clock")

Run = Callable[..., Result]
Messages = list[tuple[str, int | str]]


def test_orders_are_listed_newest_first_and_by_state(run: Run, app: Flask) -> None:
    with app.app_context():
        first, second = (builders.place_order().id for _ in range(2))
        builders.run(first)

    everything = json.loads(run("orders", "list", "--json").stdout)
    waiting = json.loads(run("orders", "list", "--state", "waiting", "--json").stdout)

    assert [order["id"] for order in everything] == [second, first]
    assert [order["id"] for order in waiting] == [first]
    assert [order["id"] for order in json.loads(run("orders", "list", "--json", "--limit", "1").stdout)] == [second]
    assert waiting[0]["stages"]["POEM"]["reason"] == "not_configured"
    assert f"\n{second} " in run("orders", "list").stdout
    assert run("orders", "list", "--state", "lost").exit_code == 2


def test_orders_in_which_a_stage_stands_still_are_listed_with_the_reason(run: Run, app: Flask) -> None:
    with app.app_context():
        fine, stuck = (builders.place_order().id for _ in range(2))
        db.session.execute(update(Stage).where(Stage.order_id == stuck).values(state=StageState.ATTENTION))
        db.session.commit()

    found = json.loads(run("orders", "list", "--stuck", "--json").stdout)
    shown = run("orders", "list", "--stuck").stdout

    assert [(each["order_id"], each["stage_type"], each["why"]) for each in found] == [(stuck, "POEM", "decision")]
    assert shown.splitlines()[1].endswith("decision")
    assert f"\n{fine} " not in shown
    assert json.loads(run("orders", "list", "--stuck", "--state", "done", "--json").stdout) == []


def test_an_order_is_shown_without_the_words_of_the_customer(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.working_section()
        order_id = builders.place_order(recipient="Анна").id
        builders.run(order_id)

    shown = run("orders", "show", str(order_id))
    facts = json.loads(run("orders", "show", str(order_id), "--json").stdout)

    assert shown.stdout.startswith(f"Order {order_id}: done, placed ")
    assert "DUMMY" in shown.stdout
    assert facts["stages"]["POEM"]["state"] == "done"
    assert "Анна" not in shown.stdout + json.dumps(facts, ensure_ascii=False)


def test_an_order_that_is_not_there_is_refused(run: Run) -> None:
    result = run("orders", "show", "7")

    assert (result.exit_code, result.stderr) == (1, "There is no order 7.\n")
    assert run("orders", "show", str(2**31)).exit_code == 2
    assert run("orders", "show", "seven").exit_code == 2


def test_a_failed_stage_is_queued_again_and_sent(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        stage_id = builders.stage_of(order_id).id
        db.session.execute(update(Stage).values(state=StageState.FAILED, reason="content_blocked"))
        db.session.commit()

    result = run("orders", "retry", str(order_id), "poem")

    assert (result.exit_code, result.stdout) == (0, f"POEM of order {order_id} is queued.\n")
    assert messages == [("tasks.generation.generate_poem", stage_id)]
    with app.app_context():
        assert builders.stage_of(order_id).state is StageState.QUEUED


def test_a_stage_that_pauses_after_a_failure_is_sent_at_once(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        later = utc_now() + timedelta(minutes=20)
        builders.set_state(order_id, StageType.POEM, StageState.QUEUED, reason="rate_limited", due_at=later)
        stage_id = builders.stage_of(order_id).id

    result = run("orders", "retry", str(order_id), "POEM")

    assert (result.exit_code, result.stdout) == (0, f"POEM of order {order_id} is queued.\n")
    assert messages == [("tasks.generation.generate_poem", stage_id)]
    with app.app_context():
        assert builders.stage_of(order_id).due_at <= utc_now()


def test_a_stage_that_has_not_failed_is_not_retried(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        order_id = builders.place_order().id

    result = run("orders", "retry", str(order_id), "POEM")

    assert result.exit_code == 1
    said = f"POEM of order {order_id} is queued; retry takes what failed, needs attention or makes a pause.\n"
    assert result.stderr == said
    assert messages == []
    assert run("orders", "retry", str(order_id), "SONG").stderr == f"Order {order_id} has no SONG.\n"
    assert run("orders", "retry", str(order_id), "BOOK").exit_code == 2


@pytest.mark.usefixtures("broker_away")
def test_a_retry_counts_while_the_broker_is_away(run: Run, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        db.session.execute(update(Stage).values(state=StageState.ATTENTION))
        db.session.commit()

    result = run("orders", "retry", str(order_id), "POEM")

    assert result.exit_code == 0
    assert result.stdout.endswith(" is queued. The broker is away: it starts later.\n")


def test_sections_are_listed_as_they_are_stored(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)

    poem, *others = json.loads(run("providers", "list", "--json").stdout)
    table = run("providers", "list").stdout.splitlines()

    assert (poem["stage_type"], poem["ready"], poem["provider_kind"], poem["reason"]) == ("POEM", True, "DUMMY", None)
    assert [(each["ready"], each["reason"]) for each in others] == [(False, "not_configured")] * 3
    assert [line.split()[:2] for line in table[1:]] == [
        ["POEM", "yes"],
        ["VOICE", "no"],
        ["SONG", "no"],
        ["CLIP", "no"],
    ]


def test_a_list_of_sections_holds_no_key(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, ProviderKind.OPENAI, api_key="sk-canary-0123456789abcd")

    listed = run("providers", "list").stdout + run("providers", "list", "--json").stdout

    assert "…abcd" in listed
    assert "canary" not in listed


def test_a_check_is_asked_for(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)

    result = run("providers", "check", "POEM")

    assert (result.exit_code, result.stdout) == (0, "The check of POEM was asked for.\n")
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
    with app.app_context():
        assert builders.section(StageType.POEM).is_checking


def test_a_check_of_a_section_that_was_never_set_is_refused(run: Run, messages: Messages) -> None:
    result = run("providers", "check", "SONG")

    assert (result.exit_code, result.stderr) == (1, "There is nothing to check: SONG has no provider.\n")
    assert messages == []


def test_a_fresh_secret_is_different_each_time(run: Run) -> None:
    secrets = {run("secrets", "generate").stdout.strip() for _ in range(3)}

    assert len(secrets) == 3
    assert all(len(secret) >= 32 for secret in secrets)


def test_a_database_that_is_away_is_said_in_a_sentence(run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        monkeypatch.setitem(db.engines, None, create_engine("sqlite:////nowhere/at/all.db"))

    result = run("orders", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith("The database cannot be used (OperationalError).")


def test_a_section_is_set_with_a_key_from_standard_input(run: Run, messages: Messages) -> None:
    result = run("providers", "set", "POEM", "OPENAI", "--model", "gpt-5.1", typed="sk-fake-0123456789-a1b2\n")

    assert (result.exit_code, result.stdout) == (0, "POEM: Saved. The check has been started.\n")
    assert ("tasks.config.validate_and_fetch_models", "POEM") in messages
    [poem] = [each for each in json.loads(run("providers", "list", "--json").stdout) if each["stage_type"] == "POEM"]
    assert (poem["provider_kind"], poem["model"], poem["key"]) == ("OPENAI", "gpt-5.1", "…a1b2")
    assert "sk-fake" not in run("providers", "history", "POEM").stdout


def test_a_section_that_is_set_to_what_it_is_already_says_so_and_is_not_checked(run: Run, messages: Messages) -> None:
    run("providers", "set", "POEM", "DUMMY")
    messages.clear()

    again = run("providers", "set", "POEM", "DUMMY")

    assert (again.exit_code, again.stdout) == (
        0,
        "POEM: Nothing has changed: these settings are stored already.\n",
    )
    assert messages == []


def test_a_section_cannot_be_set_with_what_is_no_key(run: Run) -> None:
    refused = run("providers", "set", "POEM", "OPENAI", typed="two words\n")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The key holds a space")
    assert run("providers", "set", "SONG", "OPENAI", typed="k\n").exit_code == 1
    assert run("providers", "set", "POEM", "OPENAI", "--keep-key", typed="").exit_code == 1


def test_the_history_and_the_refresh_of_sections_are_there_for_machines(run: Run, messages: Messages) -> None:
    assert run("providers", "refresh").stdout == "There is nothing to refresh: no section has a provider.\n"
    run("providers", "set", "POEM", "DUMMY")
    messages.clear()

    refreshed = json.loads(run("providers", "refresh", "--json").stdout)

    assert refreshed == {"checks_started": {"POEM": True}}
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
    entries = json.loads(run("providers", "history", "POEM", "--json").stdout)
    assert [entry["event"] for entry in entries] == ["check_requested", "settings_saved"]
    assert {entry["actor"] for entry in entries} == {"command line"}
    assert "asked for a check" in run("providers", "history", "POEM").stdout
    assert run("providers", "restore", "POEM").stderr == "There are no previous settings to go back to.\n"


def test_a_section_is_set_for_a_program(run: Run, messages: Messages) -> None:
    first = run("providers", "set", "POEM", "DUMMY", "--json")
    second = run("providers", "set", "POEM", "DUMMY", "--keep-key", "--json")

    assert json.loads(first.stdout) == {"stage_type": "POEM", "changed": True, "check_started": True}
    assert json.loads(second.stdout) == {"stage_type": "POEM", "changed": False, "check_started": False}
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]


@pytest.mark.usefixtures("broker_away")
def test_a_section_is_set_while_the_broker_is_away(run: Run) -> None:
    said = run("providers", "set", "POEM", "DUMMY")

    news = "POEM: Saved. The check has not started yet; it will start by itself.\n"
    assert (said.exit_code, said.stdout) == (0, news)
    asked = run("providers", "check", "POEM")
    assert asked.stdout == "The check of POEM was asked for. The broker is away: it starts later.\n"


def test_keys_of_the_environment_are_taken_over_once(
    run: Run, messages: Messages, change_settings: Callable[..., None]
) -> None:
    change_settings(openai_api_key=SecretStr("sk-fake-0123456789-a1b2"))

    taken = run("providers", "import-env")

    assert taken.stdout == "POEM: the environment's key is stored, and will be checked.\n"
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
    again = run("providers", "import-env")
    assert again.stdout == "There is no key in the environment for a section that was never set.\n"
    [poem] = [each for each in json.loads(run("providers", "list", "--json").stdout) if each["stage_type"] == "POEM"]
    assert (poem["provider_kind"], poem["key"]) == ("OPENAI", "…a1b2")


def test_keys_of_the_environment_are_taken_over_for_a_program(
    run: Run, messages: Messages, change_settings: Callable[..., None]
) -> None:
    change_settings(suno_api_key=SecretStr("fake-key-0123456789"))

    assert json.loads(run("providers", "import-env", "--json").stdout) == {"imported": ["SONG"]}
    assert json.loads(run("providers", "import-env", "--json").stdout) == {"imported": []}
    assert messages == [("tasks.config.validate_and_fetch_models", "SONG")]


def test_a_key_of_the_environment_that_cannot_be_one_is_not_taken_over(
    run: Run, change_settings: Callable[..., None]
) -> None:
    change_settings(openai_api_key=SecretStr("two words"))

    refused = run("providers", "import-env")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "POEM: the environment's key was not stored (key_has_odd_characters).\n"


def test_the_settings_before_are_brought_back_and_checked(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        row = builders.working_section(model="dummy-haiku")
        row.previous_provider_kind, row.previous_model = ProviderKind.DUMMY, "dummy-verse"
        db.session.commit()

    said = run("providers", "restore", "POEM")

    assert (said.exit_code, said.stdout) == (0, "The check of POEM was asked for.\n")
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
