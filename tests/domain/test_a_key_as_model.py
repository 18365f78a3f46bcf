"""A key that the section holds is never taken for the name of a model, which is kept in clear and shown."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from domain.db import db
from domain.section_changes import ChangeRefused
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section, working_section
from tests.database_kinds import on_one_database

TABLES = ("provider_configs", "history")
POEM, OPENAI, GEMINI = StageType.POEM, ProviderKind.OPENAI, ProviderKind.GEMINI
#: It has the shape of no vendor's key.
KEY = "fake~canary~0123456789~a1b2"


def of_a_first_key() -> None:
    save_section(POEM, OPENAI, api_key=KEY)


def of_a_candidate() -> None:
    working_section()
    save_section(POEM, GEMINI, api_key=KEY)


def of_what_was_before() -> None:
    working_section()
    save_section(POEM, GEMINI, api_key=KEY)
    row = section()
    row.provider_kind, row.api_key_encrypted = row.candidate_provider_kind, row.candidate_api_key_encrypted
    row.clear_candidate()
    row.keep_as_previous()
    row.api_key_encrypted = None
    db.session.commit()


@on_one_database
@pytest.mark.parametrize("hold", [of_a_first_key, of_a_candidate, of_what_was_before])
@pytest.mark.parametrize("kind", [OPENAI, GEMINI])
@pytest.mark.parametrize("beside", ["", "sk-fake-another-0123456789"], ids=["no key", "another key"])
def test_a_key_of_the_section_is_refused_as_a_model(hold: Callable[[], None], kind: ProviderKind, beside: str) -> None:
    hold()

    with pytest.raises(ChangeRefused) as refused:
        save_section(POEM, kind, model=KEY, api_key=beside)

    assert (refused.value.code, refused.value.field) == ("key_as_model", "model")
    assert KEY not in str(refused.value.facts)
    assert not any(
        KEY in str(db.session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608  # names of ours
        for table in TABLES
    )


@on_one_database
def test_a_model_is_taken_where_a_key_cannot_be_opened() -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    section().api_key_encrypted = "1.unknown.AAAA"
    db.session.commit()

    save_section(POEM, OPENAI, model="gpt-x")

    assert section().model == "gpt-x"
