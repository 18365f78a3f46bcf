"""SPEECHKIT: the table of errors, of both APIs."""

from dataclasses import replace
from typing import Any

import pytest

from providers.base import Credentials
from providers.errors import (
    InvalidResponse,
    KeyRejected,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.kinds import ProviderKind, StageType
from providers.speechkit.adapter import SpeechKit
from providers.speechkit.errors import NO_RIGHTS_OR_UNPAID
from tests.emulator.server import Emulator
from tests.emulator.speechkit import BROAD_SCOPE, SpeechKitRoom
from tests.providers.conftest import CANARY, VOICE, assert_tells_nothing, sample

VOICES = {"v1": VOICE, "v3": replace(VOICE, model="dasha")}
#: How each API spells what gRPC calls so.
NAMES = {
    "UNAUTHENTICATED": ("UNAUTHENTICATED", "UNAUTHENTICATED"),
    "INVALID_ARGUMENT": ("BAD_REQUEST", "INVALID_ARGUMENT"),
    "RESOURCE_EXHAUSTED": ("TOO_MANY_REQUESTS", "RESOURCE_EXHAUSTED"),
    "INTERNAL": ("INTERNAL_SERVER_ERROR", "INTERNAL"),
    "UNAVAILABLE": ("http_503", "UNAVAILABLE"),
    "DEADLINE_EXCEEDED": ("http_504", "DEADLINE_EXCEEDED"),
}

SCENARIOS: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", KeyRejected, "UNAUTHENTICATED"),
    ("no_role", PermissionMissing, NO_RIGHTS_OR_UNPAID),
    ("not_paid", PermissionMissing, NO_RIGHTS_OR_UNPAID),
    ("bad_request", RequestRefused, "INVALID_ARGUMENT"),
    ("rate_limited", RateLimited, "RESOURCE_EXHAUSTED"),
    ("server_error", Unavailable, "INTERNAL"),
    ("overloaded", Unavailable, "UNAVAILABLE"),
    ("deadline", Unavailable, "DEADLINE_EXCEEDED"),
    ("html_502", Unavailable, "http_502"),
    ("redirect", Unavailable, "redirect"),
    ("not_audio", InvalidResponse, ""),
    ("empty", InvalidResponse, "no MP3"),
    ("other_format", InvalidResponse, "no MP3"),
]


@pytest.fixture
def room(emulator: Emulator) -> SpeechKitRoom:
    emulator.speechkit.add_key("canary", CANARY)
    return emulator.speechkit


@pytest.fixture
def reader(emulator: Emulator, room: SpeechKitRoom) -> SpeechKit:
    return SpeechKit(Credentials(CANARY, emulator.base_url(ProviderKind.SPEECHKIT)))


@pytest.mark.parametrize("api", ["v1", "v3"])
@pytest.mark.parametrize(("scenario", "expected", "detail"), SCENARIOS, ids=[s[0] for s in SCENARIOS])
def test_a_scenario_of_the_vendor_gets_its_name(
    reader: SpeechKit,
    room: SpeechKitRoom,
    emulator: Emulator,
    api: str,
    scenario: str,
    expected: type[ProviderError],
    detail: str,
) -> None:
    room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        reader.generate(VOICES[api])

    assert type(caught.value) is expected
    assert caught.value.retry_after is None
    if detail:
        assert caught.value.detail == NAMES.get(detail, (detail, detail))[api == "v3"]
    assert len(emulator.requests) == 1
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("scenario", "expected", "detail"),
    [
        ("error_line", Unavailable, "UNAVAILABLE"),
        ("error_line_rate_limited", RateLimited, "RESOURCE_EXHAUSTED"),
        ("error_line_no_role", PermissionMissing, NO_RIGHTS_OR_UNPAID),
        ("error_after_sound", OutcomeUnknown, "UNAVAILABLE"),
        ("error_after_sound_no_role", PermissionMissing, NO_RIGHTS_OR_UNPAID),
        ("garbled_line", InvalidResponse, "not lines of JSON"),
        ("no_sound", InvalidResponse, "no MP3"),
        ("bad_base64", InvalidResponse, "not base64"),
    ],
)
def test_a_success_of_v3_can_hold_a_failure(
    reader: SpeechKit, room: SpeechKitRoom, scenario: str, expected: type[ProviderError], detail: str
) -> None:
    room.play(scenario)

    with pytest.raises(ProviderError) as caught:
        reader.generate(VOICES["v3"])

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.status) == (detail, 200)
    assert caught.value.request_id
    assert_tells_nothing(caught.value)


def v1(code: str, text: str = "No.") -> dict[str, str]:
    return {"error_code": code, "error_message": text}


@pytest.mark.parametrize(
    ("status", "body", "expected", "detail"),
    [
        (401, sample("speechkit/error_v1_unknown_key"), KeyRejected, "UNAUTHENTICATED"),
        (401, sample("speechkit/error_v1_no_permission"), PermissionMissing, NO_RIGHTS_OR_UNPAID),
        (401, sample("speechkit/error_v3_unknown_key"), KeyRejected, "UNAUTHENTICATED"),
        (401, v1("UNAUTHORIZED"), KeyRejected, "UNAUTHORIZED"),
        (401, {"error": {"grpcCode": 16, "message": "code = PermissionDenied desc = No."}}, PermissionMissing, None),
        (400, v1("BAD_REQUEST", "code = PermissionDenied"), RequestRefused, "BAD_REQUEST"),
        (400, v1("NEW_CODE"), Unavailable, "http_400"),
        (401, v1("NEW_CODE"), KeyRejected, ""),
        (403, {"code": 7, "message": "No.", "details": []}, PermissionMissing, NO_RIGHTS_OR_UNPAID),
        (429, {"error": {"code": 8, "message": "No."}}, RateLimited, "RESOURCE_EXHAUSTED"),
        (501, {"code": 12, "message": "No."}, RequestRefused, "UNIMPLEMENTED"),
        (403, {"error": {"grpcCode": 99}}, PermissionMissing, ""),
        (400, {"error": "a text"}, Unavailable, "http_400"),
        (400, {"error": {"grpcCode": True}}, Unavailable, "http_400"),
        (400, {"error_code": ["BAD_REQUEST"], "error_message": {"a": 1}}, Unavailable, "http_400"),
    ],
)
@pytest.mark.parametrize("api", ["v1", "v3"])
def test_a_refusal_is_read_by_its_code_and_by_text_only_where_one_code_means_two_things(
    reader: SpeechKit,
    room: SpeechKitRoom,
    api: str,
    status: int,
    body: Any,
    expected: type[ProviderError],
    detail: str | None,
) -> None:
    room.fail(status=status, body=body)

    with pytest.raises(ProviderError) as caught:
        reader.generate(VOICES[api])

    assert type(caught.value) is expected
    assert detail is None or caught.value.detail == detail


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_a_key_without_the_right_is_told_from_a_wrong_one(reader: SpeechKit, room: SpeechKitRoom, api: str) -> None:
    room.keys[CANARY].rights = frozenset()

    with pytest.raises(PermissionMissing):
        reader.generate(VOICES[api])
    with pytest.raises(PermissionMissing):
        reader.check_key(StageType.VOICE)

    room.keys[CANARY].rights = frozenset({BROAD_SCOPE})
    reader.check_key(StageType.VOICE)
    assert reader.generate(VOICES[api]).media
