"""The same promises for every adapter with a key: what becomes of an answer that does not arrive as it should."""

import gzip
import json
import re
import socket
from typing import Any

import pytest
import responses

from providers.base import Credentials
from providers.errors import (
    InvalidResponse,
    OutcomeUnknown,
    Unavailable,
)
from providers.http import client
from providers.kinds import StageType
from tests.emulator.listener import until
from tests.emulator.server import Emulator
from tests.emulator.state import Room
from tests.providers.conftest import assert_tells_nothing
from tests.providers.wires import CANARY, AnyProvider, Call, OpenAt, Wire, make

#: Whatever goes wrong here and ends by itself lasts several times as long, and then the answer is there.
SHORT_SECONDS = 0.1
DRIP_SECONDS = 0.02
#: So that a body over it is quickly made.
SMALL_BYTES = 64 * 1024


@pytest.fixture
def hurried(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter waits for nothing longer than ``SHORT_SECONDS``."""
    monkeypatch.setattr(wire.adapter, "check_seconds", SHORT_SECONDS)
    monkeypatch.setattr(wire.adapter, "generation_seconds", SHORT_SECONDS)


def test_nothing_listens_there(open_at: OpenAt, call: Call) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable) as caught:
            call(open_at(f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"))

    assert type(caught.value) is Unavailable
    assert caught.value.detail == "connection refused"
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    "base_url", ["http://no-such-host.invalid/v1", "no-scheme/v1", "ftp://127.0.0.1/v1", "http://[/v1"]
)
def test_an_address_that_leads_nowhere(wire: Wire, call: Call, base_url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        call(wire.adapter(Credentials(CANARY, base_url)))

    assert type(caught.value) is Unavailable
    assert caught.value.detail in ("unknown host", "bad address")
    assert_tells_nothing(caught.value)


def test_a_server_that_does_not_speak_tls_got_nothing(
    open_at: OpenAt, emulator: Emulator, wire: Wire, room: Room, call: Call
) -> None:
    with pytest.raises(Unavailable, match="TLS") as caught:
        call(open_at(emulator.base_url(wire.kind).replace("http://", "https://")))

    assert type(caught.value) is Unavailable
    assert_tells_nothing(caught.value)


LOSSES: dict[str, dict[str, Any]] = {
    "silence": {"delay": 60},
    "cut": {"cut": True},
    "half a body": {"cut_body": True},
    "slow drip": {"drip": DRIP_SECONDS},
    "slow drip of headers": {"drip": DRIP_SECONDS, "drip_headers": True},
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_generation_without_a_whole_answer_is_lost_and_not_repeated(
    provider: AnyProvider, emulator: Emulator, room: Room, wire: Wire, loss: dict[str, Any]
) -> None:
    room.fail(wire.generate_route, times=None, **loss)

    with pytest.raises(OutcomeUnknown) as caught:
        make(provider, wire.request)

    # The provider may hear of it later than the caller gives up.
    until(lambda: emulator.ledger)
    assert len(emulator.requests) == len(emulator.ledger) == 1
    assert_tells_nothing(caught.value)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_check_without_a_whole_answer_has_lost_nothing(
    provider: AnyProvider, emulator: Emulator, room: Room, loss: dict[str, Any]
) -> None:
    room.fail(**loss)

    with pytest.raises(Unavailable) as caught:
        provider.check_key(StageType.POEM)

    assert type(caught.value) is Unavailable
    assert_tells_nothing(caught.value)
    until(lambda: emulator.requests)


def test_a_refusal_that_breaks_off_blames_nobodys_key(provider: AnyProvider, room: Room, call: Call) -> None:
    room.fail(status=401, body={"error": {"message": "x" * 500}}, cut_body=True)

    with pytest.raises(Unavailable, match="http_401"):
        call(provider)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(
    provider: AnyProvider, room: Room, emulator: Emulator, wire: Wire, call: Call, status: int
) -> None:
    room.fail(status=status, body="", headers={"Location": emulator.base_url(wire.kind) + "/elsewhere"})

    with pytest.raises(Unavailable, match="redirect"):
        call(provider)

    assert len(emulator.requests) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_over_the_largest_size_is_refused(
    provider: AnyProvider,
    room: Room,
    wire: Wire,
    call: Call,
    encoding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The other limit must not be the one that it meets.
    for limit in ("MAX_BODY_BYTES", "MAX_MEDIA_BYTES"):
        monkeypatch.setattr(client, limit, SMALL_BYTES if limit == wire.size_limit else 100 * SMALL_BYTES)
    body = json.dumps({"data": [], "filler": "x" * SMALL_BYTES}).encode()
    if encoding == "gzip":
        body = gzip.compress(body, compresslevel=1)
    room.fail(status=200, body=body, headers={"Content-Encoding": encoding})

    with pytest.raises(InvalidResponse, match="too large"):
        call(provider)


def test_a_body_in_a_false_encoding_is_unreadable(provider: AnyProvider, room: Room, call: Call) -> None:
    room.fail(status=200, body="{}", headers={"Content-Encoding": "gzip"})

    with pytest.raises(InvalidResponse) as caught:
        call(provider)

    assert_tells_nothing(caught.value)


def test_a_proxy_of_the_environment_does_not_see_the_key(
    provider: AnyProvider, emulator: Emulator, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    call(provider)

    assert len(emulator.requests) == 1


def test_no_call_goes_out_without_both_timeouts(wire: Wire, open_at: OpenAt, call: Call) -> None:
    with responses.RequestsMock() as mock:
        seen: list[Any] = []

        def answer(request: Any) -> tuple[int, dict[str, str], str]:
            seen.append(request.req_kwargs["timeout"])
            return 500, {}, "{}"

        for method in (responses.GET, responses.POST):
            mock.add_callback(method, re.compile(r"https://provider\.example/.*"), answer)
        mock.assert_all_requests_are_fired = False
        with pytest.raises(Unavailable):
            call(open_at("https://provider.example/v1"))

    assert seen in ([(5.0, wire.adapter.check_seconds)], [(5.0, wire.adapter.generation_seconds)])
    assert (wire.adapter.check_seconds, wire.adapter.generation_seconds) == (15, 120)
