"""Every word that a person meets is there in Russian."""

import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from flask import Flask

from domain.monitoring.stuck_rules import StuckReason
from domain.orders.models import OrderState, StageState
from domain.provider_configs.models import Reason, Status
from providers.errors import ProviderError
from providers.kinds import ProviderKind, StageType
from web.i18n import messages, stuck

WEB = Path(__file__).parents[3] / "web"
#: The same in both languages: names.
NAMES = {"YandexGPT", "Yandex SpeechKit", "Suno", "Pika", "Google Gemini", "OpenAI"}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with (WEB / "translations/ru/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="ru")


def _extracted() -> set[str]:
    with (WEB / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(str(WEB), method_map=methods, options_map=options)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def test_every_sentence_in_the_code_has_a_translation(catalog: Catalog) -> None:
    missing = [text for text in _extracted() if text not in catalog or not catalog[text].string]

    assert missing == []
    assert not any(message.fuzzy for message in catalog if message.id)


def test_no_translation_is_left_over(catalog: Catalog) -> None:
    known = _extracted()
    ids = [message.id[0] if isinstance(message.id, tuple) else message.id for message in catalog if message.id]

    assert [text for text in ids if text not in known] == []


def test_translations_are_russian_and_keep_their_gaps(catalog: Catalog) -> None:
    for message in catalog:
        if not message.id:
            continue
        singular = message.id if isinstance(message.id, str) else message.id[0]
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert len(forms) == (3 if message.pluralizable else 1), singular
        for form in forms:
            assert isinstance(form, str), singular
            assert set(PLACEHOLDER.findall(form)) == set(PLACEHOLDER.findall(singular)), singular
            has_words = PLACEHOLDER.sub("", singular).strip(" .,:…")
            assert singular in NAMES or re.search("[а-яё№]", form, re.IGNORECASE) or not has_words, singular


def _subclasses(root: type[ProviderError]) -> set[type[ProviderError]]:
    return {root} | {leaf for branch in root.__subclasses__() for leaf in _subclasses(branch)}


def test_every_code_has_its_sentence() -> None:
    tables: list[tuple[Collection[StrEnum], type[StrEnum]]] = [
        (messages.STAGE_NAMES, StageType),
        (messages.PROVIDER_TITLES, ProviderKind),
        (messages.STATUS_WORDS, Status),
        (messages.STAGE_STATES, StageState),
        (messages.ORDER_STATES, OrderState),
        (stuck.STANDSTILLS, StuckReason),
    ]
    for table, members in tables:
        assert set(table) == set(members)
    codes = {error.code for error in _subclasses(ProviderError)} - {ProviderError.code}
    assert codes | set(Reason) <= set(messages.REASONS)


def test_the_names_of_the_sections_are_those_that_the_customer_gave(app: Flask) -> None:
    with app.test_request_context():
        assert [str(name) for name in messages.STAGE_NAMES.values()] == ["Стих", "Озвучка", "Песня", "Видео"]


def test_gaps_are_filled_with_titles_and_missing_facts_leave_no_hole(app: Flask) -> None:
    with app.test_request_context():
        filled = messages.refusal("needs_own_key", {"provider": "OPENAI"})
        for code in messages.REFUSALS:
            assert "%(" not in messages.refusal(code, {})
        for code in messages.ORDER_FAULTS:
            assert "%(" not in messages.order_fault(code, {"limit": 1, "length": 2})

    assert "OpenAI" in filled
