"""What an order may hold, for the form and the API alike. Pure: reads no database and no clock."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.orders.placing import NewOrder
from providers.base import Brief
from providers.kinds import StageType

#: The longest text of each field, in characters after tidying.
LIMITS = {"recipient": 100, "occasion": 200, "details": 2000, "tone": 200, "poem": 4000}
REQUIRED = ("recipient", "occasion")
MULTI_LINE = ("details", "poem")
LANGUAGES = ("ru", "en")
DEFAULT_LANGUAGE = "ru"
FIELDS = (*LIMITS, "language", "stages")

MAX_FIELD_NAME_LENGTH = 50


class Fault(NamedTuple):
    """One thing that is wrong with an order: where, a code, and the numbers that its sentence needs."""

    field: str
    code: str
    facts: Mapping[str, object] = {}


class OrderInvalid(Exception):
    """An order that cannot be placed; ``faults`` lists everything that is wrong with it, never the words themselves."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(", ".join(f"{fault.field}: {fault.code}" for fault in faults))
        self.faults = faults


def read_order(values: Mapping[str, object], placed_by: str, api_token_id: int | None = None) -> NewOrder:
    """The order that ``values`` asks for: texts in NFC without outer white space, line ends as newlines.

    ``stages`` is a list of names; the other fields are texts, and None is as good as leaving one out.
    Raises ``OrderInvalid``.
    """
    faults = [Fault(str(name)[:MAX_FIELD_NAME_LENGTH], "unknown_field") for name in values if name not in FIELDS]
    texts = {name: _text(name, values.get(name), faults) for name in LIMITS}
    language = _language(values.get("language"), faults)
    stages = _stages(values.get("stages"), faults)
    if stages and StageType.POEM not in stages and not texts["poem"] and not _named("poem", faults):
        faults.append(Fault("poem", "poem_required"))
    if StageType.POEM in stages and texts["poem"]:
        faults.append(Fault("poem", "poem_not_wanted"))
    if faults:
        raise OrderInvalid(faults)
    brief = Brief(texts["recipient"], texts["occasion"], texts["details"], texts["tone"], language)
    return NewOrder(brief, stages, texts["poem"] or None, placed_by, api_token_id)


def _text(name: str, value: object, faults: list[Fault]) -> str:
    """The tidied text of a field; empty, with a fault added, where it cannot be used."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        faults.append(Fault(name, "not_text"))
        return ""
    # A tab comes from pasting out of a table; a lone carriage return from no system that still runs.
    text = value.replace("\r\n", "\n").replace("\t", " ").strip()
    if not all(_may_stand(character, multi_line=name in MULTI_LINE) for character in text):
        faults.append(Fault(name, "odd_characters"))
        return ""
    text = unicodedata.normalize("NFC", text)
    if len(text) > LIMITS[name]:
        faults.append(Fault(name, "too_long", {"limit": LIMITS[name], "length": len(text)}))
        return ""
    if not any(map(_is_seen, text)):
        if name in REQUIRED:
            faults.append(Fault(name, "required"))
        return ""
    return text


def _may_stand(character: str, *, multi_line: bool) -> bool:
    """Control characters and halves of surrogate pairs may not: PostgreSQL or JSON refuses some of them."""
    if character == "\n":
        return multi_line
    return unicodedata.category(character) not in {"Cc", "Cs"}


def _is_seen(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) != "Cf"


def _language(value: object, faults: list[Fault]) -> str:
    if value is None or value == "":
        return DEFAULT_LANGUAGE
    if value not in LANGUAGES:
        faults.append(Fault("language", "unknown_language"))
        return DEFAULT_LANGUAGE
    return str(value)


def _stages(value: object, faults: list[Fault]) -> frozenset[StageType]:
    """The set that was asked for; empty, with a fault added, where it cannot be read."""
    if value is None:
        value = ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        faults.append(Fault("stages", "stages_not_a_list"))
        return frozenset()
    names = list(value)
    if not names:
        faults.append(Fault("stages", "stages_missing"))
    if not all(isinstance(name, str) and name in StageType.__members__ for name in names):
        faults.append(Fault("stages", "unknown_stage"))
        return frozenset()
    if len(set(names)) != len(names):
        faults.append(Fault("stages", "doubled_stage"))
        return frozenset()
    return frozenset(StageType(name) for name in names)


def _named(field: str, faults: list[Fault]) -> bool:
    return any(fault.field == field for fault in faults)
