"""A secret that is known is found in whatever spelling it comes, and only then is anything hidden."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from sqlalchemy import bindparam, create_engine, select

from domain.secrets.redaction import HIDDEN, KNOWN_SECONDS, RedactedJSON, RedactedText, Redactor, looks_like_a_key
from tests.domain.unhurried import unhurried

KEY = 'fake<canary>&"key"+/=\\\'0123456789'
#: Without the asterisk, which stands where a key was.
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="*"), min_size=8, max_size=60)


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database, and so no second run on another one."""


@pytest.fixture
def knowing() -> Redactor:
    """A redactor that knows ``KEY``."""
    knows = Redactor()
    knows.know(KEY)
    return knows


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in an address": lambda key: quote(key, ""),
    "in a path": quote,
    "in a form": quote_plus,
    "in an address, small letters": lambda key: quote(key, "").lower(),
    "in HTML": html.escape,
    "in HTML of ours": lambda key: str(escape(key)),
    "in HTML, between tags": lambda key: html.escape(key, quote=False),
    "in XML": lambda key: xml(key, {"'": "&apos;", '"': "&quot;"}),
    "in JSON": json.dumps,
    "in Python": repr,
    "in base64": lambda key: b64encode(key.encode()).decode(),
    "behind a name, in base64": lambda key: b64encode(f"api:{key}".encode()).decode(),
    "as a bearer, in base64 for addresses": lambda key: urlsafe_b64encode(f"Bearer {key}!".encode()).decode(),
    "in hexadecimal digits": lambda key: key.encode().hex(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_known_key_is_found_however_it_is_spelled(knowing: Redactor, spelling: str) -> None:
    spelled = SPELLINGS[spelling](KEY)

    cleaned = knowing.clean(f"the provider said {spelled}, and no more")

    assert HIDDEN in cleaned
    assert spelled[4:-4] not in cleaned
    assert cleaned.startswith("the provider said ")
    assert cleaned.endswith(", and no more")


@unhurried
@given(KEYS, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_hides_no_key_wherever_it_begins(key: str, before: bytes, after: bytes) -> None:
    knows = Redactor()
    knows.know(key)
    spelled = b64encode(before + key.encode() + after).decode()

    cleaned = knows.clean(spelled)

    # Of the shortest keys too little is left, once the letters shared with neighbours are out, to be told from words.
    if len(key) >= 9:
        assert HIDDEN in cleaned


@unhurried
@given(KEYS, st.text(max_size=20), st.text(max_size=20))
def test_a_key_is_found_among_any_other_words(key: str, before: str, after: str) -> None:
    knows = Redactor()
    knows.know(key)

    cleaned = knows.clean(f"{before} {key} {after}")

    assert key not in cleaned
    assert HIDDEN in cleaned


def test_the_longer_of_two_keys_is_hidden_whole(knowing: Redactor) -> None:
    knowing.know(KEY + "-and-more")

    assert knowing.clean(f"<{KEY}-and-more>") == f"<{HIDDEN}>"


def test_texts_within_lists_and_names_of_members_are_cleaned(knowing: Redactor) -> None:
    value = {"list": [KEY, 1, None, True], KEY: {"deep": (KEY, 1.5)}}

    assert knowing.clean_all(value) == {
        "list": [HIDDEN, 1, None, True],
        HIDDEN: {"deep": [HIDDEN, 1.5]},
    }


def test_what_is_too_short_to_be_told_from_words_is_not_known() -> None:
    knows = Redactor()
    knows.know("short")
    knows.know_environment(["redis", ""])

    assert knows.clean("a short word about redis") == "a short word about redis"


def test_the_shortest_text_that_counts_as_a_secret_is_hidden() -> None:
    knows = Redactor()
    knows.know_environment(["8letters"])
    knows.know("another8")

    assert knows.clean("8letters, another8") == f"{HIDDEN}, {HIDDEN}"


def test_keys_that_were_not_used_for_longest_are_forgotten_and_secrets_of_the_environment_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.secrets.redaction.MAX_KEYS", 20)
    knows = Redactor()
    knows.know_environment(["secret-of-the-environment"])
    knows.know("first-fake-key")
    knows.know("second-fake-key")
    knows.know("first-fake-key")
    for number in range(19):
        knows.know(f"fake-key-number-{number}")

    assert knows.clean("first-fake-key second-fake-key secret-of-the-environment") == "*** second-fake-key ***"


def test_a_key_is_forgotten_once_no_call_with_it_can_be_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("domain.secrets.redaction.time", SimpleNamespace(monotonic=lambda: now))
    knows = Redactor()
    knows.know_environment(["secret-of-the-environment"])
    knows.know("first-fake-key")
    now += KNOWN_SECONDS - 1
    knows.know("second-fake-key")
    assert knows.clean("first-fake-key second-fake-key") == "*** ***"

    now += 2

    assert knows.clean("first-fake-key second-fake-key") == "first-fake-key ***"
    knows.know("first-fake-key")
    now += KNOWN_SECONDS
    assert knows.clean("first-fake-key, secret-of-the-environment") == "first-fake-key, ***"


def test_the_time_for_which_a_key_is_known_ends_on_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("domain.secrets.redaction.time", SimpleNamespace(monotonic=lambda: now))
    knows = Redactor()
    knows.know("first-fake-key")

    now += KNOWN_SECONDS

    assert knows.clean("first-fake-key") == "first-fake-key"


def test_what_a_provider_said_reaches_no_database_with_a_key_in_it(
    knowing: Redactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.secrets.redaction.redactor", knowing)
    said = select(
        bindparam("text", f"no such key: {KEY}", RedactedText),
        bindparam("nothing", None, RedactedText),
        bindparam("json", {"key": KEY}, RedactedJSON),
    )

    with create_engine("sqlite://").connect() as connection:
        stored = connection.execute(said).one()

    assert stored == (f"no such key: {HIDDEN}", None, {"key": HIDDEN})


def test_a_stored_text_loses_keys_of_providers_and_nothing_that_somebody_could_guess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    knows = Redactor()
    knows.know_environment(["password", "fake-suno-key"], provider_keys=["fake-suno-key"])
    knows.know(KEY)
    monkeypatch.setattr("domain.secrets.redaction.redactor", knows)
    said = select(
        bindparam("text", f"no password: fake-suno-key, {KEY}", RedactedText),
        bindparam("json", {"password": ["fake-suno-key", KEY]}, RedactedJSON),
    )

    with create_engine("sqlite://").connect() as connection:
        stored = connection.execute(said).one()

    assert stored == ("no password: ***, ***", {"password": ["***", "***"]})
    assert knows.clean(f"no password: fake-suno-key, {KEY}") == "no ***: ***, ***"


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abcdef0123456789",
        "Api-Key AQVNabcdefghij0123456789",
        "sk-proj-abcdef0123456789",
        "AIzaSyA0123456789abcdefghij",
        "qt_0123456789abcdefghij-klmno",
        "https://provider.example/v1?key=abcdef0123456789&x=1",
    ],
)
def test_logs_hide_what_has_the_shape_of_a_key_though_nobody_knows_it(secret: str) -> None:
    cleaned = Redactor().clean_for_log(f"request failed: {secret}")

    assert HIDDEN in cleaned
    assert "0123456789" not in cleaned
    assert looks_like_a_key(secret)


@pytest.mark.parametrize("name", ["gpt-5.4", "models/gemini-3-flash", "yandexgpt/latest", "V5_5", "dummy-voice-high"])
def test_names_of_models_do_not_look_like_keys(name: str) -> None:
    assert not looks_like_a_key(name)


def test_numbers_and_flags_stay_what_they_are(knowing: Redactor) -> None:
    assert [knowing.clean_for_log(value) for value in (12, 1.5, True, None, "POEM")] == [12, 1.5, True, None, "POEM"]
