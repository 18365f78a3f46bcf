"""A form of a section that is sent twice has saved once, and its name tells nothing of a key."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select

from domain.db import db
from domain.provider_configs import changes, checks
from domain.provider_configs.changes import ChangeRefused
from domain.provider_configs.history import HistoryEntry
from domain.provider_configs.models import ProviderConfig, find
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section, working_section
from tests.database_kinds import POSTGRESQL, on_one_database

POEM = StageType.POEM
OPENAI = ProviderKind.OPENAI
KEY = "sk-fake-first-0123456789-a1b2"
OTHER_KEY = "sk-fake-other-0123456789-c3d4"
FORM, OTHER_FORM = "form-of-the-first-page-1", "form-of-another-page-22"


def entries() -> int:
    return db.session.scalar(select(func.count()).select_from(HistoryEntry)) or 0


def facts() -> dict[str, object]:
    row = section()
    return {column.key: getattr(row, column.key) for column in inspect(ProviderConfig).column_attrs}


def click(app: Flask, form_key: str = FORM) -> bool:
    """Send the form in a request of its own; whether that says "saved"."""
    with app.app_context():
        return save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=form_key).changed


def is_refused(**sent: str | int) -> bool:
    """Whether that is told "changed meanwhile", and changes nothing."""
    before = facts()
    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, OPENAI, **{"version": 0, **sent})  # type: ignore[arg-type]  # as it comes
    return refused.value.code == "changed_meanwhile" and facts() == before


def test_the_same_form_sent_again_is_saved_and_changes_nothing() -> None:
    save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=FORM)
    before, recorded = facts(), entries()

    again = save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=FORM)

    assert (again.changed, again.check_needed) == (True, True)
    assert (facts(), entries()) == (before, recorded)


def test_it_is_also_when_its_key_has_passed_meanwhile() -> None:
    working_section()
    version = section().version
    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku", version=version, form_key=FORM)
    checks.check(POEM)

    again = save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku", version=version, form_key=FORM)

    assert (again.changed, again.check_needed) == (True, False)
    assert section().model == "dummy-haiku"


@on_one_database
@pytest.mark.parametrize(
    "sent",
    [
        {"form_key": FORM, "api_key": OTHER_KEY},
        {"form_key": FORM, "api_key": ""},
        {"form_key": FORM, "api_key": KEY, "model": "gpt-x"},
        {"form_key": OTHER_FORM, "api_key": KEY},
        {"form_key": "", "api_key": KEY},
    ],
    ids=["another key", "no key", "another model", "another form", "no form"],
)
def test_whatever_else_is_sent_is_late(sent: dict[str, str]) -> None:
    save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=FORM)

    assert is_refused(**sent)


@on_one_database
def test_a_stored_key_is_not_to_be_guessed_with_a_form_that_has_not_brought_it() -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    save_section(POEM, OPENAI, model="gpt-x", version=1, form_key=FORM)

    # The right key, and a wrong one: no difference.
    assert is_refused(form_key=FORM, api_key=KEY, model="gpt-x", version=1)
    assert is_refused(form_key=FORM, api_key=OTHER_KEY, model="gpt-x", version=1)


@on_one_database
def test_a_key_that_was_there_before_is_not_to_be_guessed_once_ones_own_is_discarded() -> None:
    working_section()
    save_section(POEM, OPENAI, api_key=OTHER_KEY, form_key=FORM)
    version = section().version

    changes.discard_candidate(POEM, "admin")

    assert section().saved_form is None
    assert is_refused(form_key=FORM, api_key=OTHER_KEY, version=version)


@on_one_database
@pytest.mark.parametrize(
    "change",
    [
        lambda: save_section(POEM, OPENAI, api_key=OTHER_KEY),
        lambda: save_section(POEM, OPENAI, api_key=OTHER_KEY, form_key=OTHER_FORM),
        lambda: changes.clear_section(POEM, "olga"),
    ],
    ids=["without a form", "with another form", "removed"],
)
def test_what_somebody_has_changed_since_is_not_said_to_be_saved(change: Callable[[], object]) -> None:
    save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=FORM)

    change()

    assert is_refused(form_key=FORM, api_key=KEY)


@on_one_database
@pytest.mark.parametrize("name", ["short", "with a space in its name", "k" * 101, "форма-с-русским-именем"])
def test_a_name_that_is_none_of_ours_counts_as_none(name: str) -> None:
    save_section(POEM, OPENAI, api_key=KEY, version=0, form_key=name)

    assert section().saved_form is None
    assert is_refused(form_key=name, api_key=KEY)


def test_what_is_stored_of_a_form_holds_neither_its_name_nor_its_key() -> None:
    save_section(POEM, OPENAI, api_key=KEY, form_key=FORM)

    stored = section().saved_form or ""
    assert len(stored) == 64
    assert not any(part in stored for part in (FORM, KEY, "a1b2"))


def test_many_clicks_at_the_same_moment_save_once(app: Flask) -> None:
    start = threading.Barrier(6)

    def click_together() -> bool:
        start.wait(60)
        return click(app)

    with ThreadPoolExecutor(6) as threads:
        answers = [each.result() for each in [threads.submit(click_together) for _ in range(6)]]

    assert answers == [True] * 6
    assert (entries(), section().version) == (1, 1)


@pytest.fixture
def overtaken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a section that is not there yet and its first save, the form is saved by another click."""

    def find_and_wait(stage_type: StageType, *, lock: bool = False) -> ProviderConfig | None:
        found = find(stage_type, lock=lock)
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(click, app).result()
        return found

    monkeypatch.setattr(changes, "find", find_and_wait)


@pytest.mark.usefixtures("overtaken")
@pytest.mark.parametrize("migrated_app", [POSTGRESQL], indirect=True)
def test_a_click_that_another_one_overtakes_before_there_is_a_section_to_hold_is_saved_too(app: Flask) -> None:
    assert click(app)
    assert (entries(), section().version) == (1, 1)


@pytest.mark.usefixtures("overtaken")
@pytest.mark.parametrize("migrated_app", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("form_key", [OTHER_FORM, ""], ids=["another form", "no form"])
def test_whoever_else_is_overtaken_before_there_is_a_section_to_hold_is_late(app: Flask, form_key: str) -> None:
    with pytest.raises(ChangeRefused, match="changed_meanwhile"):
        click(app, form_key)

    assert (entries(), section().version) == (1, 1)
