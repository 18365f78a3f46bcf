"""A new ADMIN_SECRET_KEY: every key is sealed anew, or none; whoever works meanwhile loses nothing."""

import threading
from secrets import token_hex

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from domain.db import Base, db, utc_now
from domain.maintenance import key_rotation
from domain.maintenance.encrypted_columns import COLUMNS, Role, SealedKey, stored_keys
from domain.maintenance.key_rotation import Outcome, rotate
from domain.orders.models import Attempt
from domain.provider_configs.history import HistoryEntry
from domain.provider_configs.models import ProviderConfig, find, live_place
from domain.secrets.context import EXTENSION, current_vault
from domain.secrets.vault import KeyContext, Unreadable, Vault, Why
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section
from tests.running_system import wait_until
from tests.sealed_rows import JOB, KEYS, LIVE, SONGS, fill_every_place, keys_opened_by

POEM, SONG = StageType.POEM, StageType.SONG
OLD, NEW = token_hex(32), token_hex(32)
EMPTY_PLACES = 2
NOBODYS = "v1.0badbad0.AAAA"


@pytest.fixture(autouse=True)
def order_id(app: Flask, in_app: None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Everything is sealed with the old secret; the processes have been given the new one and still know the old."""
    order_id = fill_every_place(Vault(OLD))
    give(app, monkeypatch, Vault(NEW, (OLD,)))
    return order_id


def give(app: Flask, monkeypatch: pytest.MonkeyPatch, vault: Vault) -> None:
    monkeypatch.setitem(app.extensions, EXTENSION, vault)


def tokens() -> list[str | None]:
    db.session.rollback()
    return [key.token for key in stored_keys()]


def events() -> list[str]:
    return list(db.session.scalars(select(HistoryEntry.event).order_by(HistoryEntry.id)))


def replace_token(token: str, column: str = "api_key_encrypted", stage_type: StageType = POEM) -> None:
    db.session.execute(update(ProviderConfig).where(ProviderConfig.stage_type == stage_type).values({column: token}))
    db.session.commit()


def test_every_sealed_column_of_every_table_is_known() -> None:
    named = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.endswith("_encrypted")
    }

    assert {(each.token.class_.__tablename__, each.token.key) for each in COLUMNS} == named


def test_after_a_rotation_the_old_secret_is_not_needed_any_more() -> None:
    unchanged = select(ProviderConfig.version, ProviderConfig.updated_at).order_by(ProviderConfig.stage_type)
    before = db.session.execute(unchanged).all()

    done = rotate("command line")

    assert (done.is_kept, done.key_id) == (True, Vault(NEW).key_id)
    assert done.counters == {"re_encrypted": 5, "skipped": 0, "empty": EMPTY_PLACES, "failed": 0}
    assert keys_opened_by(Vault(NEW)) == KEYS
    assert db.session.execute(unchanged).all() == before


def test_a_second_rotation_finds_nothing_to_do() -> None:
    rotate("command line")
    before = tokens()

    done = rotate("command line")

    assert done.counters == {"re_encrypted": 0, "skipped": 5, "empty": EMPTY_PLACES, "failed": 0}
    assert tokens() == before
    assert events() == [key_rotation.ROTATED] * 2


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    before = tokens()

    done = rotate("command line", dry_run=True)

    assert (done.is_kept, done.counters[Outcome.RE_ENCRYPTED]) == (False, 5)
    assert tokens() == before
    assert events() == []


def test_one_key_that_cannot_be_read_keeps_all_as_they_were() -> None:
    replace_token(NOBODYS, stage_type=SONG)
    before = tokens()

    done = rotate("command line")

    assert (done.is_kept, done.counters[Outcome.FAILED]) == (False, 1)
    [failed] = [found for found, outcome in done.places if outcome is Outcome.FAILED]
    assert (failed.stage_type, failed.role, failed.why, failed.key_id) == (SONG, Role.LIVE, Why.UNKNOWN_KEY, "0badbad0")
    assert tokens() == before
    assert events() == [key_rotation.ROTATION_REFUSED]


def test_a_key_that_cannot_be_read_is_left_where_that_was_asked_for() -> None:
    replace_token(NOBODYS, stage_type=SONG)

    done = rotate("command line", skip_unreadable=True)

    assert (done.is_kept, done.counters[Outcome.RE_ENCRYPTED], done.counters[Outcome.FAILED]) == (True, 4, 1)
    assert section(SONG).api_key_encrypted == NOBODYS
    assert events() == [key_rotation.ROTATED]


def test_a_damaged_key_of_the_present_secret_is_not_passed_over() -> None:
    rotate("command line")
    elsewhere = Vault(NEW).seal(LIVE, live_place(SONG, ProviderKind.OPENAI))
    replace_token(elsewhere)

    done = rotate("command line")

    assert (done.is_kept, done.counters[Outcome.FAILED], done.counters[Outcome.SKIPPED]) == (False, 1, 4)


def test_what_does_not_read_back_is_not_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Vault):
        def seal(self, text: str, place: KeyContext) -> str:
            return super().seal(text[:-1] if text == JOB else text, place)

    before = tokens()
    give(app, monkeypatch, Forgetful(NEW, (OLD,)))

    with pytest.raises(RuntimeError, match="does not read back") as caught:
        rotate("command line", skip_unreadable=True)

    assert tokens() == before
    assert not [key for key in KEYS if key in repr(caught.value)]


def test_the_history_says_who_rotated_and_how_many_and_holds_no_key() -> None:
    rotate("command line")

    latest = key_rotation.latest_rotation()

    assert latest is not None
    assert (latest.actor, latest.stage_type) == ("command line", None)
    counters = {"re_encrypted": 5, "skipped": 0, "empty": EMPTY_PLACES, "failed": 0}
    assert latest.facts == {"key_id": Vault(NEW).key_id, **counters}


def test_the_latest_rotation_is_the_one_that_was_kept_last() -> None:
    assert key_rotation.latest_rotation() is None
    rotate("first")
    rotate("second")
    replace_token(NOBODYS)
    rotate("refused")

    latest = key_rotation.latest_rotation()

    assert latest is not None
    assert latest.actor == "second"


def test_the_secret_that_seals_is_told_first_and_what_is_no_token_before_the_others() -> None:
    replace_token("", stage_type=SONG)
    replace_token(NOBODYS)

    assert [use.key_id for use in key_rotation.count_uses()][:2] == [Vault(NEW).key_id, None]


def test_it_is_told_which_secrets_are_still_in_use() -> None:
    replace_token(NOBODYS, "previous_api_key_encrypted")
    save_section(SONG, ProviderKind.SUNO, api_key=SONGS)

    uses = {use.key_id: use for use in key_rotation.count_uses()}

    present, old, missing = uses[Vault(NEW).key_id], uses[Vault(OLD).key_id], uses["0badbad0"]
    assert (present.seals, present.opens, dict(present.counts)) == (
        True,
        True,
        {"live": 0, "candidate": 1, "previous": 0, "job": 0},
    )
    assert (old.seals, old.opens, dict(old.counts)) == (
        False,
        True,
        {"live": 2, "candidate": 1, "previous": 0, "job": 1},
    )
    assert (missing.opens, missing.counts[Role.PREVIOUS]) == (False, 1)


def test_every_stored_key_is_tried_and_the_unreadable_are_named(
    app: Flask, monkeypatch: pytest.MonkeyPatch, order_id: int
) -> None:
    assert {found.why for found in key_rotation.verify()} == {None}
    give(app, monkeypatch, Vault(NEW))

    found = key_rotation.verify()

    assert {each.why for each in found} == {Why.UNKNOWN_KEY}
    assert [(each.stage_type, each.role, each.order_id) for each in found] == [
        (POEM, Role.LIVE, None),
        (POEM, Role.CANDIDATE, None),
        (POEM, Role.PREVIOUS, None),
        (SONG, Role.LIVE, None),
        (SONG, Role.JOB, order_id),
    ]


def test_a_key_without_its_provider_is_unreadable_and_stops_nobody() -> None:
    row = section(SONG)
    row.provider_kind = None
    db.session.commit()

    assert [each.why for each in key_rotation.verify() if each.why] == [Why.DOES_NOT_OPEN]
    with pytest.raises(Unreadable):
        SealedKey(COLUMNS[0], section(SONG), SONG).open(current_vault())


def test_an_empty_text_is_no_key_and_not_passed_over() -> None:
    replace_token("", stage_type=SONG)

    assert [each.why for each in key_rotation.verify() if each.why] == [Why.NOT_A_TOKEN]
    assert not rotate("command line").is_kept


def test_a_key_that_is_being_saved_meanwhile_is_not_replaced_by_the_one_before_it(app: Flask) -> None:
    row = find(SONG, lock=True)
    assert row is not None
    row.api_key_encrypted = Vault(OLD).seal("sk-fake-newer-0123456789", live_place(SONG, ProviderKind.SUNO))
    db.session.flush()

    def rotate_beside() -> None:
        with app.app_context():
            rotate("command line")

    beside = threading.Thread(target=rotate_beside)
    beside.start()
    if db.engine.dialect.name == "postgresql":
        # On SQLite it waits before its first look.
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: db.session.scalar(waits), "the rotation waits for the row")
    db.session.commit()
    beside.join()

    assert "sk-fake-newer-0123456789" in keys_opened_by(Vault(NEW))
    assert SONGS not in keys_opened_by(Vault(NEW))


def test_jobs_that_have_ended_hold_nothing_to_seal() -> None:
    db.session.execute(update(Attempt).values(api_key_encrypted=None, ended_at=utc_now()))
    db.session.commit()

    assert rotate("command line").counters == {"re_encrypted": 4, "skipped": 0, "empty": EMPTY_PLACES, "failed": 0}
    assert db.session.scalar(select(func.count()).where(Attempt.api_key_encrypted.is_not(None))) == 0
