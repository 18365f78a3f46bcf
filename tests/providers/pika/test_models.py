"""PIKA: what a balance says about a key, and which operations of the catalogue are offered."""

from typing import Any

import pytest

from providers.base import Credentials
from providers.errors import CreditExhausted, InvalidResponse
from providers.http.answers import MAX_MODELS
from providers.kinds import ProviderKind, StageType
from providers.pika.adapter import Pika
from tests.emulator.pika import EARLY_ACCESS, PikaRoom
from tests.emulator.server import Emulator
from tests.providers.conftest import sample
from tests.providers.wires import CANARY


@pytest.fixture
def room(emulator: Emulator) -> PikaRoom:
    emulator.pika.add_key("canary", CANARY)
    return emulator.pika


@pytest.fixture
def pika(emulator: Emulator, room: PikaRoom) -> Pika:
    return Pika(Credentials(CANARY, emulator.base_url(ProviderKind.PIKA)))


def test_a_key_is_checked_by_its_balance(pika: Pika, emulator: Emulator) -> None:
    pika.check_key(StageType.CLIP)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("GET", "/pika/billing/balance")
    assert emulator.ledger == []


def test_an_empty_balance_is_told(pika: Pika, room: PikaRoom) -> None:
    room.keys[CANARY].credit = 1
    pika.check_key(StageType.CLIP)

    room.keys[CANARY].credit = 0
    with pytest.raises(CreditExhausted, match="balance is empty"):
        pika.check_key(StageType.CLIP)


def test_an_invoice_pays_where_nothing_is_prepaid(pika: Pika, room: PikaRoom) -> None:
    room.fail("balance", status=200, body=sample("pika/balance"))
    pika.check_key(StageType.CLIP)
    room.fail("balance", status=200, body=sample("pika/balance_on_invoice"))
    pika.check_key(StageType.CLIP)

    room.fail("balance", status=200, body=sample("pika/balance_invoice_spent"))
    with pytest.raises(CreditExhausted):
        pika.check_key(StageType.CLIP)


@pytest.mark.parametrize("balance", [None, "100", True, [], {}])
def test_a_balance_that_is_no_number_proves_nothing(pika: Pika, room: PikaRoom, balance: Any) -> None:
    room.fail("balance", status=200, body={"balance_micro_usd": balance})

    with pytest.raises(InvalidResponse, match="no balance"):
        pika.check_key(StageType.CLIP)


def test_the_list_has_what_films_words_and_pikas_own_first(pika: Pika, emulator: Emulator, room: PikaRoom) -> None:
    assert pika.list_models(StageType.CLIP) == (
        "pika/pika-2.5/text-to-video",
        "lumen/reel-2/text-to-video",
        "lumen/reel/text-to-video",
    )
    assert emulator.requests[0].path == "/pika/catalog/apis"

    room.keys[CANARY].rights = frozenset({EARLY_ACCESS})
    assert "pika/pika-3-preview/text-to-video" in pika.list_models(StageType.CLIP)


def test_the_recorded_catalogue_is_read(pika: Pika, room: PikaRoom) -> None:
    room.fail("catalogue", status=200, body=sample("pika/catalog"))

    assert pika.list_models(StageType.CLIP) == ("pika/pika-2.5/text-to-video", "lumen/reel-2/text-to-video")


@pytest.mark.parametrize("rows", [None, {}, "apis", [None], [{"name": "no id"}], [{"api_id": 7}]])
def test_half_a_catalogue_is_none(pika: Pika, room: PikaRoom, rows: Any) -> None:
    room.fail("catalogue", status=200, body={"apis": rows})

    with pytest.raises(InvalidResponse, match="not a catalogue"):
        pika.list_models(StageType.CLIP)


def test_a_catalogue_of_more_than_anybody_reads_is_none(pika: Pika, room: PikaRoom) -> None:
    films = {"category": "video", "function": "text-to-video"}
    rows = [{**films, "api_id": f"pika/{number}"} for number in range(MAX_MODELS + 1)]
    room.fail("catalogue", status=200, body={"apis": rows})

    with pytest.raises(InvalidResponse, match="too many models"):
        pika.list_models(StageType.CLIP)
