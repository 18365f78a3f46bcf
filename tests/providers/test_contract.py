"""The same promises for every adapter with a key: what its failures become, and what never leaves it."""

import dataclasses
import io
from typing import Any

import av
import pytest
import requests

from providers.base import GenerationRequest, GenerationResult, Ticket
from providers.errors import (
    CreditExhausted,
    InvalidResponse,
    KeyRejected,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.kinds import StageType
from providers.registry import runs_jobs
from tests.emulator.server import Emulator
from tests.emulator.state import Room
from tests.providers.conftest import assert_tells_nothing
from tests.providers.wires import CANARY, RECIPIENT, AnyProvider, Call, OpenAt, Wire, make

PAGE = "<html><body>Bad gateway</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {}, KeyRejected),
        (402, {}, CreditExhausted),
        (403, {}, PermissionMissing),
        (429, {}, RateLimited),
        (408, {}, Unavailable),
        (409, {}, Unavailable),
        (418, {}, Unavailable),
        (500, {}, Unavailable),
        (502, PAGE, Unavailable),
        (503, {}, Unavailable),
        (504, PAGE, Unavailable),
        (401, PAGE, Unavailable),
        (403, PAGE, Unavailable),
        (302, "", Unavailable),
        (304, "", Unavailable),
        (200, PAGE, InvalidResponse),
        (200, "", InvalidResponse),
        (200, [], InvalidResponse),
        (200, {}, InvalidResponse),
        (200, "[" * 100_000, InvalidResponse),
    ],
)
def test_every_failure_becomes_one_of_our_errors(
    provider: AnyProvider, room: Room, wire: Wire, call: Call, status: int, body: Any, expected: type[ProviderError]
) -> None:
    room.fail(status=status, body=body)

    with pytest.raises(ProviderError) as caught:
        call(provider)

    assert type(caught.value) is expected or (type(caught.value) is OutcomeUnknown and status in wire.lost_by)
    assert caught.value.kind is provider.kind
    assert caught.value.status == status
    assert_tells_nothing(caught.value)


def test_an_unknown_refusal_keeps_its_number(provider: AnyProvider, room: Room, call: Call) -> None:
    room.fail(status=418, body={})

    with pytest.raises(Unavailable) as caught:
        call(provider)

    assert caught.value.detail == "http_418"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 418, 429, 500])
def test_a_refusal_that_quotes_key_and_prompt_is_not_quoted(
    provider: AnyProvider, room: Room, call: Call, status: int
) -> None:
    echo = f"{CANARY} {RECIPIENT} любит флоксы"
    fields = dict.fromkeys(("code", "type", "param", "status", "reason"), CANARY)
    room.fail(
        status=status,
        body={"error": {"message": echo, **fields}, "message": echo, "code": CANARY},
        headers={"x-request-id": CANARY, "x-error": CANARY},
    )

    with pytest.raises(ProviderError) as caught:
        call(provider)

    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    "key", [CANARY + "\n", CANARY + "\r\nX: y", CANARY + "ключ", CANARY + " x", "", " ", "x" * 513]
)
def test_a_key_that_no_header_can_carry_is_refused_unsent(
    open_at: OpenAt, emulator: Emulator, wire: Wire, call: Call, key: str
) -> None:
    with pytest.raises(KeyRejected, match="malformed key") as caught:
        call(open_at(emulator.base_url(wire.kind), key))

    assert_tells_nothing(caught.value)
    assert emulator.requests == []


def test_the_key_travels_in_its_header_alone(provider: AnyProvider, emulator: Emulator, call: Call) -> None:
    call(provider)

    (seen,) = emulator.requests
    assert seen.key == "canary"
    assert CANARY not in repr(seen)


def test_a_key_nobody_knows_is_rejected(open_at: OpenAt, emulator: Emulator, wire: Wire, keyed_call: Call) -> None:
    with pytest.raises(KeyRejected) as caught:
        keyed_call(open_at(emulator.base_url(wire.kind), CANARY + "-mistyped"))

    assert_tells_nothing(caught.value)


def test_a_work_comes_back_with_its_model_its_request_and_its_counts(
    provider: AnyProvider, emulator: Emulator, wire: Wire
) -> None:
    result = make(provider, wire.request)

    if runs_jobs(wire.kind):
        assert_ends_with_a_file(provider, result)
    elif wire.request.stage_type is StageType.POEM:
        assert_is_a_poem(result)
    else:
        assert_is_a_recording(result, wire.request)
    assert result.model == wire.request.model
    assert bool(result.request_id) is wire.names_calls
    (charge,) = emulator.ledger
    token = wire.request.token if wire.sends_token else wire.request.callback_url or None
    assert (charge.key, charge.model, charge.token) == ("canary", wire.request.model, token)


def assert_is_a_poem(result: GenerationResult) -> None:
    assert result.text is not None
    assert RECIPIENT in result.text
    assert result.model in result.text
    assert result.media is None
    assert result.usage["input_tokens"] > 0
    assert result.usage["total_tokens"] == result.usage["input_tokens"] + result.usage["output_tokens"]


def assert_is_a_recording(result: GenerationResult, request: GenerationRequest) -> None:
    assert result.text is None
    assert result.content_type in ("audio/mpeg", "audio/wav")
    assert seconds_of(result.media or b"") > 0
    assert result.usage == {"characters": len(request.poem)}


def assert_ends_with_a_file(provider: AnyProvider, ticket: Ticket) -> None:
    status = provider.poll(ticket.job_id)
    assert (status.error, status.charged) == (None, False)
    file = requests.get(status.media.url, headers={"User-Agent": "Quatrain"}, timeout=60)
    assert (file.status_code, file.headers["Content-Type"]) == (200, status.media.content_type)
    with av.open(io.BytesIO(file.content), "r") as container:
        assert (container.duration or 0) > 0


def seconds_of(recording: bytes) -> float:
    with av.open(io.BytesIO(recording), "r") as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def test_an_account_without_credit_is_told_from_one_that_hurries(provider: AnyProvider, room: Room, wire: Wire) -> None:
    room.keys[CANARY].credit = room.price
    make(provider, wire.request)

    with pytest.raises(wire.without_credit) as caught:
        make(provider, dataclasses.replace(wire.request, token="6a1f0e3c-attempt-2"))

    assert type(caught.value) is wire.without_credit


def test_a_model_that_is_listed_once_is_offered_once(provider: AnyProvider, wire: Wire) -> None:
    models = provider.list_models(wire.request.stage_type)

    assert isinstance(models, tuple)
    assert len(models) == len(set(models)) > 0


def test_the_adapter_prints_itself_without_the_key(provider: AnyProvider) -> None:
    assert CANARY not in repr(provider) + str(vars(provider))


def test_a_stage_that_the_provider_does_not_serve_is_refused_unsent(
    provider: AnyProvider, emulator: Emulator, wire: Wire
) -> None:
    other = StageType.POEM if wire.request.stage_type is StageType.CLIP else StageType.CLIP
    with pytest.raises(RequestRefused):
        make(provider, dataclasses.replace(wire.request, stage_type=other))

    assert emulator.requests == []
