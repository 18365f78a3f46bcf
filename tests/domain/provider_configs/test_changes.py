"""Saving a section: what is kept, what replaces what, and what is refused with nothing changed."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, inspect, select

from domain.db import db, utc_now
from domain.provider_configs import changes, checks
from domain.provider_configs.changes import ChangeRefused
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.history import HistoryEntry
from domain.provider_configs.models import Problem, ProviderConfig, Reason, Status, find, live_place
from domain.secrets.context import current_vault
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section, working_section
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock

POEM = StageType.POEM
KEY = "sk-fake-first-0123456789-a1b2"
OTHER_KEY = "sk-fake-other-0123456789-c3d4"


def facts(row: ProviderConfig | None = None) -> dict[str, object]:
    """Every column of the section, to compare before and after."""
    row = row or section()
    return {column.key: getattr(row, column.key) for column in inspect(ProviderConfig).column_attrs}


def events() -> list[str]:
    return list(db.session.scalars(select(HistoryEntry.event).order_by(HistoryEntry.id)))


def test_the_first_key_is_stored_sealed_and_unknown_until_it_is_checked() -> None:
    saved = save_section(POEM, ProviderKind.OPENAI, api_key=f" Bearer {KEY}\n")

    row = section()
    assert saved.check_needed
    assert (row.provider_kind, row.status, row.version) == (ProviderKind.OPENAI, Status.UNKNOWN, 1)
    assert row.check_requested_at is not None
    assert row.api_key_last4 == "a1b2"
    assert KEY not in str(facts(row))
    assert current_vault().open(row.api_key_encrypted or "", live_place(POEM, ProviderKind.OPENAI)) == KEY


@on_one_database
def test_a_new_key_beside_a_working_setting_is_only_a_candidate(clock: StoppedClock) -> None:
    working_section()
    before = facts()
    clock.shift(1)

    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)

    row = section()
    live = {name: value for name, value in facts(row).items() if name in before and not name.startswith("candidate")}
    changed = {name for name, value in live.items() if before[name] != value}
    assert changed == {"version", "updated_at", "check_requested_at"}
    assert (row.candidate_provider_kind, row.candidate_status) == (ProviderKind.OPENAI, Status.UNKNOWN)
    assert row.candidate_api_key_last4 == "a1b2"


@on_one_database
def test_a_first_key_that_never_worked_is_replaced_at_once() -> None:
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)
    save_section(POEM, ProviderKind.OPENAI, api_key=OTHER_KEY)

    row = section()
    assert row.api_key_last4 == "c3d4"
    assert not row.has_candidate


@on_one_database
def test_a_second_candidate_replaces_the_first() -> None:
    working_section()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-first")
    save_section(POEM, ProviderKind.OPENAI, api_key=OTHER_KEY)

    row = section()
    assert (row.candidate_api_key_last4, row.candidate_model) == ("c3d4", None)


@on_one_database
def test_a_blank_key_keeps_the_stored_one() -> None:
    row = working_section()
    row.api_key_encrypted = "kept"
    db.session.commit()

    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")

    assert (section().api_key_encrypted, section().model) == ("kept", "dummy-haiku")


@on_one_database
def test_a_change_of_model_alone_needs_no_check() -> None:
    working_section()

    saved = save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")

    assert saved.changed
    assert not saved.check_needed
    assert section().status is Status.ACTIVE


@on_one_database
def test_a_change_of_model_while_a_check_is_under_way_has_another_one_made(clock: StoppedClock) -> None:
    working_section()
    changes.request_check(POEM, "admin", proof=False)
    begun = checks._begin(POEM, utc_now())
    assert begun is not None
    clock.shift(1)

    saved = save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")

    assert saved.check_needed
    row = section()
    assert (row.check_requested_at, row.check_claimed_until) == (utc_now(), None)
    # What the first one finds out is about the model before.
    assert not checks._store(begun, CheckResult(finding=Problem(Reason.REJECTED, "of the model before")))
    assert section().status is Status.ACTIVE
    checks.check(POEM)
    assert not section().is_checking


@on_one_database
def test_a_model_that_is_not_in_the_list_is_refused_and_nothing_is_saved() -> None:
    working_section()
    before = facts()

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.DUMMY, model="no-such-model")

    assert (refused.value.code, refused.value.field) == ("model_not_listed", "model")
    assert facts() == before


@on_one_database
def test_the_present_model_may_be_saved_again_even_when_the_list_has_lost_it() -> None:
    row = working_section(model="dummy-haiku")
    row.models_cache = ["dummy-verse"]
    db.session.commit()

    assert not save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku").changed
    assert section().model == "dummy-haiku"


@on_one_database
def test_another_provider_without_a_key_of_its_own_is_refused() -> None:
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)
    row = section()
    row.provider_kind = ProviderKind.GEMINI
    db.session.commit()
    before = facts()

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.OPENAI)

    assert (refused.value.code, refused.value.field) == ("needs_own_key", "api_key")
    assert facts() == before


@on_one_database
def test_the_model_of_the_former_provider_does_not_travel_with_a_new_one() -> None:
    row = working_section()

    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model=row.model or "")

    assert section().candidate_model is None


@on_one_database
def test_a_model_typed_for_the_new_provider_is_kept_for_the_check() -> None:
    working_section()

    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-wanted")

    assert section().candidate_model == "gpt-wanted"


@on_one_database
def test_the_candidates_model_can_be_changed_without_typing_its_key_again() -> None:
    working_section()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-gone")
    row = section()
    row.candidate_status, row.candidate_models = Status.INVALID, ["gpt-here"]
    row.check_requested_at = None
    db.session.commit()

    assert save_section(POEM, ProviderKind.OPENAI, model="gpt-here").check_needed

    row = section()
    assert (row.candidate_model, row.candidate_api_key_last4) == ("gpt-here", "a1b2")
    assert row.candidate_status is Status.UNKNOWN
    assert row.check_requested_at is not None


@on_one_database
def test_a_candidates_model_that_is_not_in_its_list_is_refused_and_nothing_is_saved() -> None:
    working_section()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-gone")
    row = section()
    row.candidate_status, row.candidate_models = Status.INVALID, ["gpt-here"]
    db.session.commit()
    before = facts()

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.OPENAI, model="gpt-typed")

    assert (refused.value.code, refused.value.field) == ("model_not_listed", "model")
    assert facts() == before


@on_one_database
def test_dummy_needs_no_key_and_stores_none() -> None:
    save_section(POEM, ProviderKind.DUMMY, api_key=KEY)

    assert section().api_key_encrypted is None


@on_one_database
@pytest.mark.parametrize(
    ("stage_type", "provider_kind", "api_key", "code", "field"),
    [
        (POEM, ProviderKind.SUNO, KEY, "provider_not_allowed", "provider_kind"),
        (StageType.SONG, ProviderKind.OPENAI, KEY, "provider_not_allowed", "provider_kind"),
        (POEM, ProviderKind.OPENAI, "with a space", "key_has_odd_characters", "api_key"),
        (POEM, ProviderKind.OPENAI, "…a1b2", "key_has_odd_characters", "api_key"),
        (POEM, ProviderKind.OPENAI, "k" * 513, "key_too_long", "api_key"),
        (POEM, ProviderKind.OPENAI, "", "needs_own_key", "api_key"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_leaves_no_row(
    stage_type: StageType, provider_kind: ProviderKind, api_key: str, code: str, field: str
) -> None:
    with pytest.raises(ChangeRefused) as refused:
        save_section(stage_type, provider_kind, api_key=api_key)

    assert (refused.value.code, refused.value.field) == (code, field)
    assert db.session.scalar(select(func.count()).select_from(ProviderConfig)) == 0
    assert events() == []


@on_one_database
def test_a_provider_without_an_adapter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.registry.ADAPTERS", {})

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.OPENAI, api_key=KEY)

    assert refused.value.code == "provider_not_built_in"


@on_one_database
def test_dummy_is_refused_where_it_is_switched_off(change_settings: Callable[..., None]) -> None:
    change_settings(dummy_provider=False)

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.DUMMY)

    assert refused.value.code == "provider_not_allowed"


def test_a_save_on_an_outdated_page_is_refused_and_overwrites_nothing() -> None:
    working_section()
    seen = section().version
    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku", version=seen, actor="olga")

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, ProviderKind.DUMMY, model="dummy-verse", version=seen, actor="ivan")

    assert (refused.value.code, refused.value.facts) == ("changed_meanwhile", {"who": "olga"})
    assert section().model == "dummy-haiku"


def test_two_first_saves_on_the_same_page_are_told_apart() -> None:
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, version=0)

    with pytest.raises(ChangeRefused, match="changed_meanwhile"):
        save_section(POEM, ProviderKind.OPENAI, api_key=OTHER_KEY, version=0)


@on_one_database
def test_discarding_the_candidate_leaves_the_live_setting_alone() -> None:
    working_section()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)

    changes.discard_candidate(POEM, "admin")

    row = section()
    assert not row.has_candidate
    assert row.candidate_api_key_encrypted is None
    assert (row.provider_kind, row.status) == (ProviderKind.DUMMY, Status.ACTIVE)


@on_one_database
def test_removing_the_key_forgets_key_list_and_candidate() -> None:
    working_section()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)

    changes.clear_section(POEM, "admin")

    row = section()
    assert (row.provider_kind, row.api_key_encrypted, row.candidate_api_key_encrypted) == (None, None, None)
    assert (row.models_cache, row.model, row.status) == ([], None, Status.UNKNOWN)


@on_one_database
@pytest.mark.parametrize("action", [changes.discard_candidate, changes.clear_section])
def test_doing_it_to_a_section_that_was_never_set_changes_nothing(action: Callable[[StageType, str], None]) -> None:
    action(POEM, "admin")

    assert find(POEM) is None


@on_one_database
def test_asking_for_a_check_of_nothing_is_refused() -> None:
    with pytest.raises(ChangeRefused, match="nothing_to_check"):
        changes.request_check(POEM, "admin")


def test_history_tells_who_did_what_and_never_the_key() -> None:
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-x", actor="olga")
    changes.clear_section(POEM, "ivan")

    entries = list(db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.id)))
    assert [(entry.actor, entry.event) for entry in entries] == [("olga", "settings_saved"), ("ivan", "key_removed")]
    assert entries[0].facts == {"provider_kind": "OPENAI", "model": "gpt-x", "last4": "a1b2"}
    assert all(KEY not in str(entry.facts) for entry in entries)


@on_one_database
def test_previous_settings_that_passed_at_once_are_not_replaced_again_by_a_second_click(clock: StoppedClock) -> None:
    working_section(model="dummy-haiku")
    row = section()
    row.keep_as_previous()
    row.model = "dummy-verse"
    db.session.commit()

    for _ in range(2):
        changes.restore_previous(POEM, "admin")
        checks.check(POEM)
        clock.shift(2)

    assert section().model == "dummy-haiku"
    assert events().count("previous_restored") == 1
    # Later it is meant.
    clock.shift(10)
    changes.restore_previous(POEM, "admin")
    checks.check(POEM)
    assert section().model == "dummy-verse"


@on_one_database
def test_previous_settings_of_a_provider_that_was_switched_off_since_are_refused_and_nothing_changes(
    change_settings: Callable[..., None],
) -> None:
    working_section()
    row = section()
    row.keep_as_previous()
    row.provider_kind = ProviderKind.OPENAI
    db.session.commit()
    save_section(POEM, ProviderKind.OPENAI, api_key=KEY)
    before = facts()
    change_settings(dummy_provider=False)

    with pytest.raises(ChangeRefused) as refused:
        changes.restore_previous(POEM, "admin")

    assert (refused.value.code, refused.value.field) == ("provider_not_allowed", "provider_kind")
    assert facts() == before


@on_one_database
def test_a_check_is_asked_for_once_by_two_clicks_and_again_when_it_has_ended(clock: StoppedClock) -> None:
    working_section()

    for _ in range(2):
        changes.request_check(POEM, "admin")
        clock.shift(1)
    assert events().count("check_requested") == 1

    checks.check(POEM)
    changes.request_check(POEM, "admin")
    assert events().count("check_requested") == 2
