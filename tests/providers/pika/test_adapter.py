"""PIKA: the exact payloads, the tokens, and the sample answers read."""

from dataclasses import replace
from typing import Any

import pytest

from providers.base import Credentials, JobStatus
from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    JobFailed,
    JobUnknown,
    ProviderError,
    RequestRefused,
)
from providers.kinds import ProviderKind
from providers.pika.adapter import Pika
from tests.emulator.pika import PikaRoom
from tests.emulator.server import Emulator
from tests.providers.conftest import assert_tells_nothing, sample
from tests.providers.wires import CANARY, CLIP, JOB_ID


@pytest.fixture
def room(emulator: Emulator) -> PikaRoom:
    key = emulator.pika.add_key("canary", CANARY)
    emulator.pika.job_seconds = 0
    emulator.pika.open_job(key, JOB_ID)
    return emulator.pika


@pytest.fixture
def pika(emulator: Emulator, room: PikaRoom) -> Pika:
    return Pika(Credentials(CANARY, emulator.base_url(ProviderKind.PIKA)))


PROMPT = """\
A short cinematic film made as a personal gift. No writing anywhere in the picture.
Occasion: юбилей.
Mood: warm.
It shows what this poem tells:
Аделаида Семёновна, с юбилеем!
Цветут в саду флоксы."""


def test_an_operation_gets_a_prompt_and_what_else_it_takes(pika: Pika, emulator: Emulator) -> None:
    pika.submit(CLIP)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/pika/v1/media/pika/pika-2.5/text-to-video")
    assert seen.headers["idempotency-key"] == CLIP.token
    assert seen.body == {
        "prompt": PROMPT,
        "negative_prompt": "text, letters, captions, subtitles, watermark, logo",
        "resolution": "720p",
        "duration_s": 5,
    }


def test_an_operation_that_we_do_not_know_gets_a_prompt_alone(pika: Pika, emulator: Emulator) -> None:
    pika.submit(replace(CLIP, model="lumen/reel-2/text-to-video"))

    (seen,) = emulator.requests
    assert seen.path == "/pika/v1/media/lumen/reel-2/text-to-video"
    assert seen.body == {"prompt": PROMPT}


def test_one_token_is_one_job_and_one_charge(pika: Pika, emulator: Emulator) -> None:
    first, second = pika.submit(CLIP), pika.submit(CLIP)

    assert first.job_id == second.job_id
    assert [charge.token for charge in emulator.ledger] == [CLIP.token]
    assert Pika.idempotent_submit is True


def test_a_lost_answer_is_had_again_by_the_same_token(pika: Pika, emulator: Emulator, room: PikaRoom) -> None:
    room.play("lost")
    with pytest.raises(ProviderError):
        pika.submit(CLIP)

    ticket = pika.submit(CLIP)

    assert pika.poll(ticket.job_id).media is not None
    assert len(emulator.ledger) == 1


def test_one_token_with_other_words_is_refused(pika: Pika, emulator: Emulator) -> None:
    pika.submit(CLIP)

    with pytest.raises(RequestRefused, match="http_409"):
        pika.submit(replace(CLIP, poem="Другие слова"))

    assert len(emulator.ledger) == 1


def test_a_clip_needs_a_poem(pika: Pika, emulator: Emulator) -> None:
    with pytest.raises(RequestRefused, match="no poem"):
        pika.submit(replace(CLIP, poem=" \n"))

    assert emulator.requests == []


def test_the_answer_to_an_order_is_its_job(pika: Pika, room: PikaRoom) -> None:
    room.fail("submit", status=202, body=sample("pika/submitted"), headers={"X-Request-ID": "req_1"})

    ticket = pika.submit(CLIP)

    assert (ticket.job_id, ticket.model, ticket.request_id) == ("media_01JAB", CLIP.model, "req_1")


@pytest.mark.parametrize("job_id", [None, "", 7, "a/../b", "x" * 201])
def test_an_order_without_a_readable_job_may_have_been_charged(pika: Pika, room: PikaRoom, job_id: Any) -> None:
    room.fail("submit", status=200, body={"id": job_id, "status": "queued"})

    with pytest.raises(InvalidResponse, match="no job id"):
        pika.submit(CLIP)


def look(pika: Pika, room: PikaRoom, name: str) -> JobStatus:
    room.fail("job", status=200, body=sample(f"pika/{name}"))
    return pika.poll(JOB_ID)


@pytest.mark.parametrize(
    ("name", "url", "content_type", "usage"),
    [
        ("job_completed", "https://cdn.pika.example/x/out.mp4", "video/mp4", {"micro_usd": 200000}),
        ("job_completed_in_a_list", "https://cdn.pika.example/x/out.webm", "video/webm", {}),
    ],
)
def test_a_completed_job_has_a_clip(
    pika: Pika, room: PikaRoom, name: str, url: str, content_type: str, usage: dict[str, int]
) -> None:
    status = look(pika, room, name)

    assert status.media is not None
    assert (status.media.url, status.media.content_type) == (url, content_type)
    assert (status.usage, status.error) == (usage, None)


@pytest.mark.parametrize("name", ["submitted", "job_running"])
def test_a_job_that_has_not_ended_runs(pika: Pika, room: PikaRoom, name: str) -> None:
    assert look(pika, room, name) == JobStatus()


def test_a_status_that_nobody_knows_is_running(pika: Pika, room: PikaRoom) -> None:
    room.play("unheard_of")

    assert pika.poll(JOB_ID) == JobStatus()


@pytest.mark.parametrize(
    ("name", "expected", "detail", "charged"),
    [
        ("job_failed", ContentBlocked, "content_moderation", False),
        ("job_failed_and_billed", JobFailed, "provider_error", True),
    ],
)
def test_a_failed_job_says_why_in_a_code(
    pika: Pika, room: PikaRoom, name: str, expected: type[ProviderError], detail: str, charged: bool
) -> None:
    status = look(pika, room, name)

    assert type(status.error) is expected
    assert (status.error.detail, status.charged, status.media) == (detail, charged, None)
    assert_tells_nothing(status.error)


def test_a_clip_that_the_record_does_not_name_is_asked_for(pika: Pika, emulator: Emulator, room: PikaRoom) -> None:
    room.play("no_output")

    status = pika.poll(JOB_ID)

    assert status.media is not None
    assert status.media.url.endswith(f"{JOB_ID}.mp4")
    assert [seen.path for seen in emulator.requests] == [
        f"/pika/v1/media/jobs/{JOB_ID}",
        f"/pika/v1/media/jobs/{JOB_ID}/content",
    ]


@pytest.mark.parametrize("url", ["", None, 7, "file:///etc/passwd", "https://a b/", "https://" + "x" * 2001])
def test_a_completed_job_without_a_link_cannot_be_read(pika: Pika, room: PikaRoom, url: Any) -> None:
    room.play("no_output")
    room.fail("content", status=200, body={"url": url})

    with pytest.raises(InvalidResponse, match="no clip"):
        pika.poll(JOB_ID)


def test_a_job_that_nobody_knows_is_unknown(pika: Pika, room: PikaRoom) -> None:
    with pytest.raises(JobUnknown, match="no such job"):
        pika.poll("media_0")
    room.play("job_not_found")
    with pytest.raises(JobUnknown):
        pika.poll(JOB_ID)


def test_a_job_id_stays_one_part_of_the_path(pika: Pika, emulator: Emulator) -> None:
    with pytest.raises(ProviderError):
        pika.poll("../../billing/balance?x=1#ж")

    (seen,) = emulator.requests
    assert "/v1/media/jobs/" in seen.path
    assert seen.query == {}
