"""What is sealed anew is what the database holds now, not what this session has seen before."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, select, update

from domain.db import db
from domain.maintenance.encrypted_columns import Role, stored_keys
from domain.orders.models import Attempt
from domain.provider_configs.models import ProviderConfig
from domain.secrets.context import current_vault
from domain.secrets.salt import StoredSalt
from providers.kinds import StageType
from tests.sealed_rows import fill_every_place

NEWER = "v1.0badbad0.AAAA"


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What the database is asked for."""
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def test_a_key_that_changed_since_this_session_saw_it_is_the_new_one() -> None:
    fill_every_place(current_vault())
    seen = [*db.session.scalars(select(ProviderConfig)), *db.session.scalars(select(Attempt))]
    assert all(row.api_key_encrypted != NEWER for row in seen)

    # Past the session, as another process would have done before this one held the rows.
    for model in (ProviderConfig, Attempt):
        db.session.connection().execute(update(model).values(api_key_encrypted=NEWER))

    found = {key.token for key in stored_keys() if key.column.role in (Role.LIVE, Role.JOB)}
    assert found == {NEWER}


def test_every_key_is_named_with_its_own_stage_and_order() -> None:
    order_id = fill_every_place(current_vault())
    fill = {(key.stage_type, key.column.role): key.order_id for key in stored_keys()}

    assert fill[StageType.SONG, Role.JOB] == order_id
    assert fill[StageType.SONG, Role.LIVE] is None


def test_a_salt_that_is_there_is_only_read(statements: list[str]) -> None:
    salt = StoredSalt().make()
    db.session.commit()
    statements.clear()

    assert StoredSalt().make() == salt
    assert [each.split()[0] for each in statements if "salts" in each] == ["SELECT"]
