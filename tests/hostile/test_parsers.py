"""Whatever our own readers of texts are given, they read it or say no: keys, orders, settings."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.orders.rules import LIMITS, OrderInvalid, read_order
from domain.secrets.api_keys import InvalidKey, clean
from providers.kinds import ProviderKind
from settings import Settings
from tests.conftest import production_settings
from tests.hostile.strings import OWN, STRINGS, strings_for
from tests.hostile.tally import Tally

ORIGIN = "readers of keys, orders and settings"

quick = how(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
texts = st.text(st.characters(), max_size=60) | st.sampled_from(STRINGS)
wrapped_keys = st.builds(
    lambda before, key, after: before + key + after,
    st.text("\"'`«» \n\u200b", max_size=5) | st.sampled_from(["Bearer ", "api-key  ", "Bearer Api-Key "]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=520) | texts,
    st.text("\"'`«» \r\n\ufeff", max_size=5),
)


@pytest.mark.parametrize("text", ["Bearer Bearer a", "api-key bearer a", "a" * 600, '"' * 600])
def test_what_is_left_of_a_key_says_the_same_to_whoever_cleans_it_again(text: str) -> None:
    assert_clean_once_is_enough(text)


def test_a_key_that_is_clean_stays_as_it_is(tally: Tally) -> None:
    @quick
    @given(wrapped_keys)
    def read(text: str) -> None:
        tally.answered(text, 200)
        assert_clean_once_is_enough(text)

    read()


def assert_clean_once_is_enough(text: str) -> None:
    try:
        key = clean(text)
    except InvalidKey:
        return
    assert key in text
    assert clean(key) == key


def test_an_order_that_was_read_is_read_again_as_the_same(tally: Tally) -> None:
    fields = {name: texts | st.text(max_size=limit + 5) for name, limit in LIMITS.items()}

    @quick
    @given(st.fixed_dictionaries(fields))
    def read(values: dict[str, Any]) -> None:
        tally.answered(values, 200)
        asked = {**values, "stages": ["VOICE"]}
        try:
            order = read_order(asked, "x")
        except OrderInvalid:
            return
        kept = {name: getattr(order.brief, name) for name in LIMITS if name != "poem"}
        assert read_order({**kept, "poem": order.poem, "stages": ["VOICE"]}, "x") == order

    read()


limits = st.builds(
    lambda kind, middle, end: f"{kind}={middle}{end}",
    st.sampled_from(["SUNO", "suno", "ſuno", "NO", "", "PIKA"]),
    st.sampled_from(["1", "0", "-1", "20", "٢", "9" * 30, "9" * 5000, "1.5", "1e3"]),
    st.sampled_from(["jobs", "/1s", "/0s", f"/{'9' * 400}s", "/0.0000000s", "/٣s", "/1", "", "/nans", "/infs"]),
)


# Settings are slow to be made.
@pytest.mark.parametrize("examples", [60, pytest.param(300, marks=pytest.mark.thorough)])
def test_limits_are_finite_numbers_of_known_providers_or_refused(tally: Tally, examples: int) -> None:
    @how(quick, max_examples=examples)
    @given(limits | texts | st.lists(limits, max_size=3).map(",".join))
    @example("SUNO=20/10s,PIKA=20jobs")
    def read(text: str) -> None:
        tally.answered(text, 200)
        try:
            read = production_settings(provider_limits=text).provider_limits
        except ValidationError:
            return
        for kind, limit in read.items():
            assert kind in ProviderKind
            assert math.isfinite(limit.seconds or 1)
            assert (limit.calls or 1) < 10**9
            assert (limit.jobs or 1) < 10**9
        assert text.isascii() or not read

    read()


NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in {int, float}]
LARGE = ("inf", "-inf", "Infinity", "nan", "1e308", "1e9", "9" * 30, *OWN["sizes of numbers"], *OWN["digits of others"])


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_one_to_count_with_or_refused(tally: Tally, name: str) -> None:
    for text in LARGE:
        tally.answered((name, text), 200)
        try:
            value = getattr(production_settings(**{name: text}), name)
        except ValidationError:
            continue
        tally.refuse_that((name, text), let_in=not 0 <= value < 10**9)
        timedelta(hours=value) if name.endswith("_hours") else timedelta(seconds=value)


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("name", ["media_url", "log_level", "secret_key", "dummy_provider", "port"])
def test_a_setting_is_read_or_refused_without_repeating_it(tally: Tally, name: str) -> None:
    for text in strings_for(name):
        tally.answered((name, text), 200)
        try:
            production_settings(**{name: text})
        except ValidationError as refused:
            told = len(text) >= 10 and text in str(refused)
            tally.refuse_that((name, text, "is repeated"), let_in=told)


@pytest.mark.parametrize("name", ["secret_key", "admin_secret_key"])
def test_a_secret_of_bytes_that_are_no_text_is_refused(name: str) -> None:
    # As the environment gives bytes that are not UTF-8.
    secret = b"0123456789\xff\xfe abcdefghijklmnopqrstuvwxyz".decode(errors="surrogateescape")

    with pytest.raises(ValidationError, match="holds what is no text"):
        production_settings(**{name: secret})
