"""A key that the section holds is never taken for the name of a model, which is kept in clear and shown."""

import json
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from markupsafe import escape
from sqlalchemy import text

from domain.db import db
from domain.provider_configs.changes import ChangeRefused
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


SPELLINGS: dict[str, Callable[[str], str]] = {
    "in an address": lambda key: quote(key, ""),
    "in HTML": lambda key: str(escape(key)),
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in base64": lambda key: b64encode(key.encode()).decode(),
    "with a blank in it": lambda key: f"{key[:9]} {key[9:]}",
    "without its last letter": lambda key: key[:-1],
    "among other words": lambda key: f"the key {key}, no model",
}


@on_one_database
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_is_refused_however_it_is_spelled_and_in_any_section(spelling: str) -> None:
    key = """fake+/"key"='Hello%21<Key>0123"""
    spelled = SPELLINGS[spelling](key)

    with pytest.raises(ChangeRefused, match="key_as_model"):
        save_section(POEM, OPENAI, api_key=key, model=spelled)
    save_section(POEM, OPENAI, api_key=key)

    for stage_type, kind in ((POEM, OPENAI), (StageType.SONG, ProviderKind.SUNO)):
        with pytest.raises(ChangeRefused, match="key_as_model"):
            save_section(stage_type, kind, api_key="fake~other~9876543210~z9y8", model=spelled)


@on_one_database
def test_a_model_is_taken_where_a_key_cannot_be_opened() -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    section().api_key_encrypted = "1.unknown.AAAA"
    db.session.commit()

    save_section(POEM, OPENAI, model="gpt-x")

    assert section().model == "gpt-x"
