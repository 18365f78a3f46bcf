"""YANDEX_GPT: the table of errors, in each of the shapes that they come in."""

from typing import Any

import pytest

from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    KeyRejected,
    ModelNotFound,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.kinds import StageType
from providers.yandex_gpt.adapter import YandexGPT
from tests.emulator.server import Emulator
from tests.emulator.yandex_gpt import YandexGPTRoom
from tests.emulator.yandex_gpt_answers import error, native_error
from tests.providers.conftest import CANARY, assert_tells_nothing, sample
from tests.providers.yandex_gpt.test_adapter import POEM

KEY_ERRORS: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", KeyRejected, "unknown key, or not of AI Studio's scope"),
    ("revoked_native", KeyRejected, "unknown key, or not of AI Studio's scope"),
    ("expired", KeyRejected, "expired"),
    ("no_key", KeyRejected, "Unauthenticated"),
    ("denied_everywhere", PermissionMissing, "no role, or billing is off"),
    ("server_error", Unavailable, "Internal"),
    ("unimplemented", Unavailable, "Unimplemented"),
    ("overloaded", Unavailable, "Unavailable"),
    ("plain_404", Unavailable, "http_404"),
    ("html_502", Unavailable, "http_502"),
    ("not_json", InvalidResponse, "not a JSON object"),
]

GENERATION_ERRORS: list[tuple[str, type[ProviderError], str]] = [
    ("denied", PermissionMissing, "no role, or billing is off"),
    ("folder_mismatch", ModelNotFound, "another folder"),
    ("bare_model_refused", ModelNotFound, "model URI"),
    ("invalid_model_uri", ModelNotFound, "model URI"),
    ("no_such_model", ModelNotFound, "model URI"),
    ("problem_json", ModelNotFound, "model URI"),
    ("model_not_found", ModelNotFound, "NotFound"),
    ("too_long", RequestRefused, "request too long"),
    ("bad_request", RequestRefused, "InvalidArgument"),
    ("gauge", RateLimited, "too many at a time"),
    ("rate_limited", RateLimited, "rate quota"),
    ("deadline", OutcomeUnknown, "http_504"),
    ("content_filter", ContentBlocked, "content_filter"),
    ("incomplete", InvalidResponse, "broke off: length"),
]


@pytest.mark.parametrize(("scenario", "expected", "words"), KEY_ERRORS, ids=[row[0] for row in KEY_ERRORS])
def test_what_is_wrong_with_the_key_shows_in_a_check_as_in_a_generation(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, scenario: str, expected: type[ProviderError], words: str
) -> None:
    yandex_room.play(scenario, times=2)

    for call in (lambda: yandex.check_key(StageType.POEM), lambda: yandex.generate(POEM)):
        with pytest.raises(ProviderError) as caught:
            call()
        assert type(caught.value) is expected
        assert (caught.value.detail, caught.value.retry_after) == (words, None)
        assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("scenario", "expected", "words"), GENERATION_ERRORS, ids=[row[0] for row in GENERATION_ERRORS]
)
def test_what_is_wrong_with_a_generation_gets_its_name(
    yandex: YandexGPT,
    yandex_room: YandexGPTRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    words: str,
) -> None:
    yandex_room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        yandex.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.retry_after) == (words, None)
    assert len(emulator.requests) == 1
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, sample("yandex_gpt/error_native"), KeyRejected),
        (401, sample("yandex_gpt/error_openai_like"), KeyRejected),
        (401, sample("yandex_gpt/error_text"), KeyRejected),
        (401, sample("yandex_gpt/error_status"), KeyRejected),
        (400, sample("yandex_gpt/error_problem"), ModelNotFound),
        # The code that the body names counts for more than the status around it.
        (500, sample("yandex_gpt/error_native"), KeyRejected),
        (500, sample("yandex_gpt/error_openai_like"), KeyRejected),
        (400, sample("yandex_gpt/error_status"), KeyRejected),
        (500, error(403, "Permission denied"), PermissionMissing),
        (500, error(504, "context deadline exceeded"), OutcomeUnknown),
        (500, native_error(429, "rate quota limit exceed"), RateLimited),
        (400, {"message": "Failed to get model"}, ModelNotFound),
        (400, {"title": "Specified folder ID 'x' does not match with service account folder ID 'y'"}, ModelNotFound),
        (400, {"error": {"message": "rpc error: code = Gremlins desc = odd"}}, RequestRefused),
        (400, {}, Unavailable),
        (400, "Bad Request", Unavailable),
        (400, {"error": {"message": ["a"], "grpcCode": "16"}, "code": True}, Unavailable),
        (404, "404 page not found", Unavailable),
        (418, {"error": "text"}, Unavailable),
        (403, "<html>Forbidden</html>", Unavailable),
        (429, {}, RateLimited),
        (504, "<html>Gateway timeout</html>", OutcomeUnknown),
        (504, {}, OutcomeUnknown),
    ],
)
def test_a_refusal_is_read_in_every_shape(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, status: int, body: Any, expected: type[ProviderError]
) -> None:
    yandex_room.fail(status=status, body=body)

    with pytest.raises(ProviderError) as caught:
        yandex.generate(POEM)

    assert type(caught.value) is expected


def test_a_time_to_wait_is_obeyed_where_there_is_one(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.fail(status=429, body=error(429, "rate quota limit exceed"), headers={"Retry-After": "7"})

    with pytest.raises(RateLimited) as caught:
        yandex.generate(POEM)

    assert caught.value.retry_after == 7


@pytest.mark.parametrize("scenario", ["folder_mismatch", "model_not_found", "bad_request", "deadline"])
def test_a_check_blames_no_model_and_no_words_and_loses_nothing(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, scenario: str
) -> None:
    fault = yandex_room.scenarios[scenario][1]
    yandex_room.fail("models", status=fault.status, body=fault.body, times=2)

    for call in (yandex.check_key, yandex.list_models):
        with pytest.raises(ProviderError) as caught:
            call(StageType.POEM)
        assert type(caught.value) is Unavailable
        assert caught.value.detail == f"http_{fault.status}"


def test_a_key_without_the_role_lists_and_may_not_generate(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, emulator: Emulator
) -> None:
    yandex_room.keys[CANARY].rights = frozenset()

    yandex.check_key(StageType.POEM)
    with pytest.raises(PermissionMissing, match="no role, or billing is off"):
        yandex.generate(POEM)

    assert emulator.ledger == []
