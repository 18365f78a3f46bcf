"""What reads the words of providers, given any words at all."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from providers.errors import ProviderError
from providers.gemini import errors
from providers.gemini.models import text_models as gemini_models
from providers.http.answers import ErrorAnswer, count, for_checks, is_model_id, number, short_code, storable
from providers.http.redaction import Redaction
from providers.http.retry_after import seconds_of, seconds_to_wait
from providers.kinds import ProviderKind
from providers.media import mp3
from providers.media.types import media_type_of
from providers.openai import errors as openai_errors
from providers.openai.models import text_models as openai_models
from providers.pika import errors as pika_errors
from providers.pika.clips import clip_of
from providers.pika.models import clip_models, is_a_row
from providers.speechkit import errors as speechkit_errors
from providers.speechkit.splitting import parts_of
from providers.suno import errors as suno_errors
from providers.suno.adapter import Suno
from providers.suno.songs import first_song
from providers.yandex_gpt import errors as yandex_gpt_errors
from providers.yandex_gpt.models import folder_of, text_models
from tests.hostile_providers import judge

EXAMPLES = settings(
    max_examples=100, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

#: The names that our readers look for, and some words that they know.
NAMES = st.sampled_from((
    "error", "code", "message", "type", "param", "status", "details", "reason", "@type", "retryDelay", "violations",
    "quotaValue", "quotaId", "data", "task_id", "taskId", "callbackType", "response", "sunoData", "audioUrl",
    "duration", "errorCode", "videos", "video", "url", "id", "name", "created", "shutdown_date",
    "supportedGenerationMethods",
    "api_id", "category", "function", "call", "input_schema", "required", "vendor", "grpcCode", "error_code",
    "error_message", "detail", "title",
))  # fmt: skip
WORDS = st.sampled_from((
    "invalid_api_key", "insufficient_quota", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "API_KEY_INVALID",
    "UNAUTHORIZED", "failed", "video", "text-to-video", "generateContent", "2026-12-31", "19.5s", "text", "https://[::1",
    "https://a/b.mp4", "SUCCESS",
))  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS | st.just(10**4000)
JSON = st.recursive(
    LEAVES, lambda items: st.lists(items, max_size=4) | st.dictionaries(NAMES, items, max_size=6), max_leaves=20
)
HEADERS = st.dictionaries(
    st.sampled_from(("retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")),
    st.text(st.characters(max_codepoint=255), max_size=40)
    | st.from_regex(r"-?\d{1,400}(\.\d+)?(e\d{1,4})?(ms|s|h)?", fullmatch=True)
    | st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)

READERS: dict[str, Callable[[ErrorAnswer], ProviderError | None]] = {
    "openai": openai_errors.read_error,
    "openai failed": openai_errors.error_of_a_failed_response,
    "gemini": errors.read_error,
    "gemini check": for_checks(errors.read_error),
    "yandex": yandex_gpt_errors.read_error,
    "speechkit": speechkit_errors.read_error,
    "speechkit line": speechkit_errors.error_in_a_line,
    "suno": suno_errors.read_error,
    "suno submit": suno_errors.read_refused_submit,
    "suno look": suno_errors.read_refused_look,
    "pika": pika_errors.read_error,
    "pika submit": pika_errors.read_refused_submit,
    "pika look": pika_errors.read_refused_look,
    "pika job": pika_errors.error_of_a_failed_job,
}


@EXAMPLES
@given(body=JSON, status=st.integers(200, 999), headers=HEADERS)
def test_a_refusal_is_one_of_our_errors_or_nothing(body: Any, status: int, headers: dict[str, str]) -> None:
    told = CaseInsensitiveDict(headers)
    wait = seconds_to_wait(status, told, str(headers))
    answer = ErrorAnswer(ProviderKind.DUMMY, status, told, body, None, wait)

    assert {name: list(judge.faults_of(read(answer))) for name, read in READERS.items()} == {
        name: [] for name in READERS
    }


@EXAMPLES
@given(value=JSON)
def test_a_value_is_what_it_is_taken_for_or_nothing(value: Any) -> None:
    counted, read, seconds = count(value), number(value), seconds_of(value)
    assert counted is None or 0 <= counted < 10**15
    assert read is None or abs(read) < 10**15
    assert short_code(value).isascii()
    assert not is_model_id(value) or value.isprintable()
    assert seconds is None or 1 <= seconds <= 3600
    job_id = Suno.job_id_in(value)
    assert job_id is None or job_id.replace("-", "").replace("_", "").isalnum()
    assert Suno.is_progress(value) in (True, False)


@EXAMPLES
@given(value=JSON)
def test_a_link_is_one_line_of_ascii_or_none(value: Any) -> None:
    songs = first_song({"response": {"sunoData": [value]}})
    for link in (clip_of(value), clip_of({"videos": [value]}), songs[0] if songs else None):
        assert link is None or (link.url.isascii() and link.url.isprintable() and link.url.startswith("http"))


@EXAMPLES
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"id": st.text(min_size=1), "name": st.text(min_size=1)},
            optional=dict.fromkeys(("created", "shutdown_date", "supportedGenerationMethods", "api_id"), LEAVES),
        )
    )
)
def test_a_list_offers_nothing_that_was_not_listed(rows: list[dict[str, Any]]) -> None:
    ids, names = {row["id"] for row in rows}, {row["name"].removeprefix("models/") for row in rows}

    assert {*openai_models(rows, at_the_vendor=False), *openai_models(rows, at_the_vendor=True)} <= ids
    assert set(gemini_models(rows)) <= names
    assert set(text_models(sorted(ids))) <= ids
    folder = folder_of(sorted(ids))
    assert folder is None or folder.isalnum()
    assert all("/" in model and ".." not in model for model in clip_models(row for row in rows if is_a_row(row)))


@EXAMPLES
@given(
    data=st.binary(max_size=300)
    | st.lists(
        st.sampled_from([b"\xff\xfb\x90\x00", b"ID3\x04\x00\x00\x00\x00\x00\x7f", b"TAG", bytes(400), b"Xing", b"\xff"])
    ).map(b"".join)
)
def test_any_bytes_can_be_looked_at_as_sound(data: bytes) -> None:
    assert mp3.is_mp3(data) in (True, False)
    assert len(mp3.joined([data, data])) <= 2 * len(data)
    assert media_type_of(data[:64], "audio") in (None, "audio/mpeg", "audio/mp4", "audio/wav", "audio/ogg")


@EXAMPLES
@given(text=st.text(st.characters(), max_size=300), longest=st.integers(1, 40))
def test_any_text_is_made_storable_and_read_in_parts_that_fit(text: str, longest: int) -> None:
    kept = storable(text)

    assert kept.encode().decode() == kept == storable(kept)
    assert "\x00" not in kept
    parts = parts_of(kept, lambda part: len(part) <= longest)
    assert all(part and len(part) <= longest for part in parts)
    assert "".join("".join(parts).split()) == "".join(kept.split())


@EXAMPLES
@given(value=JSON, text=st.text(), key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8))
def test_any_key_is_blanked_and_nothing_else(value: Any, text: str, key: str) -> None:
    redaction = Redaction(key)

    assert not redaction.holds_key(redaction.text(f"{text}{key}{text}"))
    assert redaction.text(text) == text or redaction.holds_key(text)
    assert len(redaction.data(text.encode("utf-8", "ignore") + key.encode())) >= len(key)
