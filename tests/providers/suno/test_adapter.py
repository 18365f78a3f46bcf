"""SUNO: the exact payloads, and the sample answers read."""

from dataclasses import replace
from typing import Any

import pytest

from providers.base import Credentials, JobStatus
from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    JobFailed,
    JobUnknown,
    ProviderError,
    RequestRefused,
)
from providers.kinds import ProviderKind, StageType
from providers.suno.adapter import MODELS, Suno
from tests.emulator.server import Emulator
from tests.emulator.suno import SunoRoom
from tests.providers.conftest import assert_tells_nothing, sample
from tests.providers.wires import CANARY, JOB_ID, SONG


@pytest.fixture
def room(emulator: Emulator) -> SunoRoom:
    emulator.suno.add_key("canary", CANARY)
    emulator.suno.job_seconds = 0
    return emulator.suno


@pytest.fixture
def suno(emulator: Emulator, room: SunoRoom) -> Suno:
    return Suno(Credentials(CANARY, emulator.base_url(ProviderKind.SUNO)))


def test_the_newest_models_get_the_poem_as_lyrics(suno: Suno, emulator: Emulator) -> None:
    suno.submit(SONG)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/suno/api/v1/generate")
    assert seen.body == {
        "customMode": True,
        "instrumental": False,
        "model": "V6",
        "lyrics": SONG.poem,
        "style": "vocal song in Russian, clear diction, melodic, warm, юбилей",
        "title": "Песня в подарок",
        "callBackUrl": SONG.callback_url,
        "duration": 30,
    }


@pytest.mark.parametrize("model", ["V5", "V4_5PLUS", "V4_5ALL", "V4_5", "V4"])
def test_older_models_get_the_poem_as_prompt_and_no_duration(suno: Suno, emulator: Emulator, model: str) -> None:
    suno.submit(replace(SONG, model=model))

    (seen,) = emulator.requests
    assert seen.body["prompt"] == SONG.poem
    assert seen.body["customMode"] is True
    assert not {"lyrics", "duration"} & seen.body.keys()


def test_the_last_of_the_fifth_takes_a_prompt_and_a_duration(suno: Suno, emulator: Emulator) -> None:
    suno.submit(replace(SONG, model="V5_5"))

    (seen,) = emulator.requests
    assert (seen.body["prompt"], seen.body["duration"]) == (SONG.poem, 30)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_list_takes_the_longest_order(suno: Suno, room: SunoRoom, model: str) -> None:
    brief = replace(SONG.brief, recipient="Анна " * 20, occasion="юбилей " * 28, tone="нежно и торжественно " * 9)
    poem = "Стихи о том, как много нужно слов.\n" * 85

    assert suno.submit(replace(SONG, model=model, brief=brief, poem=poem[:3000])).job_id in room.jobs


@pytest.mark.parametrize(("model", "longest"), [("V4", 3000), ("V5", 5000), ("V6", 5000)])
def test_a_poem_that_would_be_cut_is_refused_unsent(suno: Suno, emulator: Emulator, model: str, longest: int) -> None:
    with pytest.raises(RequestRefused, match=f"poem over {longest} characters") as caught:
        suno.submit(replace(SONG, model=model, poem="ж" * (longest + 1)))

    assert_tells_nothing(caught.value)
    with pytest.raises(RequestRefused, match="no poem"):
        suno.submit(replace(SONG, poem=" \n"))
    assert emulator.requests == []


def test_the_answer_to_an_order_is_its_task(suno: Suno, room: SunoRoom) -> None:
    room.fail("generate", status=200, body=sample("suno/submitted"))

    ticket = suno.submit(SONG)

    assert (ticket.job_id, ticket.model, ticket.request_id) == (JOB_ID, "V6", None)


@pytest.mark.parametrize("task_id", [None, "", 7, "a/../b", "x" * 101, ["a"]])
def test_an_order_without_a_readable_task_may_have_been_charged(suno: Suno, room: SunoRoom, task_id: Any) -> None:
    room.fail("generate", status=200, body={"code": 200, "msg": "success", "data": {"taskId": task_id}})

    with pytest.raises(InvalidResponse, match="no task id"):
        suno.submit(SONG)


def test_two_orders_of_one_token_are_two_songs_and_two_charges(suno: Suno, emulator: Emulator, room: SunoRoom) -> None:
    room.keys[CANARY].credit = 30

    tickets = {suno.submit(SONG).job_id, suno.submit(SONG).job_id}

    assert len(tickets) == len(emulator.ledger) == 2
    assert room.keys[CANARY].credit == 6
    assert Suno.idempotent_submit is False


def test_a_key_is_checked_by_its_credits(suno: Suno, emulator: Emulator) -> None:
    suno.check_key(StageType.SONG)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("GET", "/suno/api/v1/generate/credit")
    assert emulator.ledger == []


def test_the_last_credits_are_still_credits(suno: Suno, room: SunoRoom) -> None:
    room.keys[CANARY].credit = 1
    suno.check_key(StageType.SONG)

    room.keys[CANARY].credit = 0
    with pytest.raises(CreditExhausted, match="no credits left"):
        suno.check_key(StageType.SONG)


@pytest.mark.parametrize("credits_left", [None, "100", True, [], {"credits": 1}])
def test_credits_that_are_no_number_prove_nothing(suno: Suno, room: SunoRoom, credits_left: Any) -> None:
    room.fail("credit", status=200, body={"code": 200, "msg": "success", "data": credits_left})

    with pytest.raises(InvalidResponse, match="no number of credits"):
        suno.check_key(StageType.SONG)


def test_the_list_is_the_documented_one_and_asks_nobody(suno: Suno, emulator: Emulator) -> None:
    assert suno.list_models(StageType.SONG)[:3] == ("V6", "V6_WILD", "V6_MINI")
    assert emulator.requests == []
    assert Suno.lists_models is False


def look(suno: Suno, room: SunoRoom, name: str) -> JobStatus:
    room.fail("record", status=200, body=sample(f"suno/{name}"))
    return suno.poll(JOB_ID)


@pytest.mark.parametrize(
    ("name", "url", "content_type", "seconds"),
    [
        ("task_done", "https://files.example/a.mp3", "audio/mpeg", 198.44),
        ("task_done_snake_case", "https://files.example/a.m4a?sig=1", "audio/mp4", 61),
        ("task_first", "https://files.example/b.mp3", "audio/mpeg", 121.5),
        ("task_callback_exception", "https://files.example/a.mp3", "audio/mpeg", 198.44),
    ],
)
def test_the_first_song_that_is_ready_is_the_song(
    suno: Suno, room: SunoRoom, name: str, url: str, content_type: str, seconds: float
) -> None:
    status = look(suno, room, name)

    assert status.media is not None
    assert (status.media.url, status.media.content_type) == (url, content_type)
    assert (status.usage, status.error) == ({"seconds": seconds}, None)


@pytest.mark.parametrize("name", ["task_pending", "task_callback_exception_early"])
def test_a_task_without_a_song_runs_until_its_deadline(suno: Suno, room: SunoRoom, name: str) -> None:
    assert look(suno, room, name) == JobStatus()


@pytest.mark.parametrize(
    ("name", "expected", "detail"),
    [
        ("task_blocked", ContentBlocked, "SENSITIVE_WORD_ERROR 400"),
        ("task_failed", JobFailed, "GENERATE_AUDIO_FAILED 500"),
    ],
)
def test_a_task_that_ended_badly_says_why_in_codes(
    suno: Suno, room: SunoRoom, name: str, expected: type[ProviderError], detail: str
) -> None:
    status = look(suno, room, name)

    assert type(status.error) is expected
    assert (status.error.detail, status.charged, status.media) == (detail, True, None)
    assert_tells_nothing(status.error)


@pytest.mark.parametrize("code", ["Аделаида", CANARY, {"a": 1}, [], True, 10**9, "٤"])
def test_a_code_of_an_ending_that_is_no_code_is_left_out(suno: Suno, room: SunoRoom, code: Any) -> None:
    body = sample("suno/task_failed")
    body["data"]["errorCode"] = code
    room.fail("record", status=200, body=body)

    status = suno.poll(JOB_ID)

    assert status.error is not None
    assert status.error.detail == "GENERATE_AUDIO_FAILED"


@pytest.mark.parametrize(
    "url", ["", None, 7, "file:///etc/passwd", "javascript:alert(1)", "https://a b/", "https://" + "x" * 2001]
)
def test_a_finished_task_without_a_link_cannot_be_read(suno: Suno, room: SunoRoom, url: Any) -> None:
    body = sample("suno/task_done")
    body["data"]["response"]["sunoData"] = [{"audioUrl": url}, "song", None]
    room.fail("record", status=200, body=body)

    with pytest.raises(InvalidResponse, match="no song"):
        suno.poll(JOB_ID)


def test_a_task_that_nobody_knows_is_unknown(suno: Suno, room: SunoRoom) -> None:
    with pytest.raises(JobUnknown):
        suno.poll("0" * 32)
    with pytest.raises(JobUnknown):
        look(suno, room, "task_unknown")


def test_a_task_id_stays_one_parameter_of_the_question(suno: Suno, emulator: Emulator) -> None:
    with pytest.raises(JobUnknown):
        suno.poll("a&taskId=b c/ж#")

    (seen,) = emulator.requests
    assert seen.query == {"taskId": "a&taskId=b c/ж#"}
