"""How values are told: to people on pages, on the command line, and to machines."""

import pytest
from flask import Flask
from flask_babel import force_locale

from providers.kinds import ProviderKind
from web.admin.charts import duration
from web.cli.output import print_json, shown
from web.i18n.languages import file_size
from web.i18n.messages import balance_words


@pytest.mark.parametrize(
    ("seconds", "in_english", "in_russian"),
    [
        (0.44, "0.4 s", "0,4 с"),
        (42.4, "42 s", "42 с"),
        (90, "1.5 min", "1,5 мин"),
        (1200, "20 min", "20 мин"),
    ],
)
def test_a_time_is_said_as_short_as_it_can_be(app: Flask, seconds: float, in_english: str, in_russian: str) -> None:
    said = []
    with app.test_request_context():
        for locale in ("en", "ru"):
            with force_locale(locale):
                said.append(duration(seconds).replace("\N{NO-BREAK SPACE}", " "))

    assert said == [in_english, in_russian]


@pytest.mark.parametrize(("size", "words"), [(1, "1 kB"), (999_001, "1,000 kB"), (1_250_000, "1.2 MB")])
def test_a_size_is_said_in_units_of_a_thousand(app: Flask, size: int, words: str) -> None:
    with app.test_request_context(), force_locale("en"):
        assert file_size(size).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("kind", "balance", "words"),
    [
        (ProviderKind.SUNO, 1, "1 credit left"),
        (ProviderKind.SUNO, 1234.5, "1,234 credits left"),
        (ProviderKind.PIKA, 2_500_000, "$2.50 left"),
        # It is what was left at the provider before.
        (ProviderKind.DUMMY, 12, ""),
        (None, 12, ""),
    ],
)
def test_what_is_left_is_said_in_the_unit_of_its_provider(
    app: Flask, kind: ProviderKind | None, balance: float, words: str
) -> None:
    with app.test_request_context(), force_locale("en"):
        assert balance_words(kind, balance) == words


@pytest.mark.parametrize(("value", "words"), [(None, "-"), ("", "-"), (True, "yes"), (False, "no"), (7, "7")])
def test_a_value_is_shown_in_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_what_no_machine_would_understand_is_not_printed() -> None:
    with pytest.raises(TypeError, match="object cannot be printed"):
        print_json({"thing": object()})
