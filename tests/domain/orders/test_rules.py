"""What an order may hold."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.rules import FIELDS, LIMITS, OrderInvalid, read_order
from providers.kinds import StageType
from tests.domain.unhurried import unhurried

GOOD: dict[str, object] = {"recipient": "Анна", "occasion": "60 лет", "stages": ["POEM"]}


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database, and so no second run on another one."""


def faults(**changes: object) -> list[tuple[str, str]]:
    with pytest.raises(OrderInvalid) as invalid:
        read_order({**GOOD, **changes}, "admin")
    return [(fault.field, fault.code) for fault in invalid.value.faults]


def test_a_small_order_is_read_with_its_defaults() -> None:
    order = read_order(GOOD, "admin")

    assert (order.brief.recipient, order.brief.details, order.brief.language) == ("Анна", "", "ru")
    assert (order.stages, order.poem, order.placed_by) == (frozenset({StageType.POEM}), None, "admin")


def test_none_is_as_good_as_leaving_a_field_out() -> None:
    nothing = dict.fromkeys(("details", "tone", "language", "poem"))

    assert read_order({**GOOD, **nothing}, "admin") == read_order(GOOD, "admin")


def test_texts_are_tidied() -> None:
    decomposed = unicodedata.normalize("NFD", "Йорик")

    order = read_order({**GOOD, "recipient": f"\t {decomposed} ", "details": "раз\r\nдва\tтри\n\n"}, "admin")

    assert order.brief.recipient == "Йорик"
    assert order.brief.details == "раз\nдва три"


@pytest.mark.parametrize("name", LIMITS)
def test_a_text_may_be_as_long_as_its_limit_and_not_longer(name: str) -> None:
    stages = ["VOICE"] if name == "poem" else ["POEM"]
    longest = "я" * LIMITS[name]

    read_order({**GOOD, "stages": stages, name: longest}, "admin")

    assert faults(stages=stages, **{name: longest + "я"}) == [(name, "too_long")]


def test_a_length_is_counted_after_tidying() -> None:
    order = read_order({**GOOD, "recipient": " " * 500 + unicodedata.normalize("NFD", "й" * 100)}, "admin")

    assert order.brief.recipient == "й" * 100


@pytest.mark.parametrize("empty", ["", "   ", "\n", "\u200b", "\u00a0\ufeff", None])
def test_what_nobody_can_see_counts_as_empty(empty: object) -> None:
    assert faults(recipient=empty) == [("recipient", "required")]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x07", "\x85", "\ud800", "\r"])
def test_characters_that_no_text_holds_are_refused(character: str) -> None:
    assert faults(details=f"a{character}b") == [("details", "odd_characters")]


def test_only_long_texts_may_have_lines() -> None:
    assert faults(recipient="a\nb") == [("recipient", "odd_characters")]
    assert read_order({**GOOD, "details": "a\nb 👩‍👩‍👧"}, "admin").brief.details == "a\nb 👩‍👩‍👧"


@pytest.mark.parametrize("value", [1, True, ["a"], {"a": 1}, b"a"])
def test_what_is_not_text_is_refused(value: object) -> None:
    assert faults(tone=value) == [("tone", "not_text")]


@pytest.mark.parametrize("value", ["de", "RU", 1, ["ru"], {}])
def test_only_two_languages_are_known(value: object) -> None:
    assert faults(language=value) == [("language", "unknown_language")]


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ([], "stages_missing"),
        (None, "stages_missing"),
        ("POEM", "stages_not_a_list"),
        ({"POEM": 1}, "stages_not_a_list"),
        (7, "stages_not_a_list"),
        (["POEM", "VISION"], "unknown_stage"),
        (["poem"], "unknown_stage"),
        ([["POEM"]], "unknown_stage"),
        (["POEM", "POEM"], "doubled_stage"),
    ],
)
def test_stages_are_a_list_of_different_names(stages: object, code: str) -> None:
    assert faults(stages=stages) == [("stages", code)]


def test_a_poem_is_needed_where_none_is_ordered() -> None:
    assert faults(stages=["SONG", "CLIP"]) == [("poem", "poem_required")]
    assert read_order({**GOOD, "stages": ["SONG"], "poem": "Текст"}, "admin").poem == "Текст"
    assert read_order({**GOOD, "stages": list(StageType)}, "admin").poem is None


def test_a_poem_cannot_be_brought_and_ordered() -> None:
    assert faults(poem="Текст") == [("poem", "poem_not_wanted")]


def test_a_poem_that_is_wrong_is_not_called_missing() -> None:
    assert faults(stages=["SONG"], poem=5) == [("poem", "not_text")]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = faults(recipient="", occasion=3, language="xx", stages=["X"], colour="red")

    assert set(found) == {
        ("recipient", "required"),
        ("occasion", "not_text"),
        ("language", "unknown_language"),
        ("stages", "unknown_stage"),
        ("colour", "unknown_field"),
    }


def test_the_error_does_not_repeat_the_words() -> None:
    with pytest.raises(OrderInvalid) as invalid:
        read_order({**GOOD, "recipient": "тайна\x00"}, "admin")

    assert "тайна" not in str(invalid.value) + repr(invalid.value.faults)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.sampled_from(StageType),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@unhurried
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), anything))
def test_whatever_comes_is_an_order_or_a_list_of_faults(values: dict[str, object]) -> None:
    try:
        order = read_order(values, "x")
    except OrderInvalid:
        return

    assert order.stages
    assert order.brief.recipient
    assert (order.poem is None) == (StageType.POEM in order.stages)
