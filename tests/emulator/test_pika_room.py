"""The emulated PIKA over the wire: catalogue, schemas, tokens, holds, states, files, uploads and webhooks."""

import base64
import hashlib
import hmac
import io
from collections.abc import Callable, Iterator
from typing import Any

import av
import pytest
import requests

from providers.kinds import ProviderKind
from tests.emulator.listener import Listener, until
from tests.emulator.pika import EARLY_ACCESS, PikaRoom
from tests.emulator.server import Emulator

SECRET = "emulated-pika-0123456789abcdef"
PATH = "/v1/media/pika/pika-2.5/text-to-video"
ORDER = {"prompt": "a paper boat", "resolution": "720p", "duration_s": 5}
AGENT = {"User-Agent": "Quatrain"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.pika.add_key("works", SECRET)
        running.pika.job_seconds = 0
        yield running


@pytest.fixture
def room(emulator: Emulator) -> PikaRoom:
    return emulator.pika


Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(emulator: Emulator) -> Ask:
    """Call a path with the key, or with headers of the test's own."""
    base_url = emulator.base_url(ProviderKind.PIKA)

    def call(method: str, path: str, headers: dict[str, str] | None = None, **features: Any) -> requests.Response:
        sent = {**AGENT, "X-API-Key": SECRET} if headers is None else headers
        return requests.request(method, base_url + path, headers=sent, timeout=60, **features)

    return call


def submit(ask: Ask, token: str | None = None, path: str = PATH, **changes: Any) -> requests.Response:
    tokens = {"Idempotency-Key": token} if token else {}
    return ask("POST", path, {**AGENT, "X-API-Key": SECRET, **tokens}, json={**ORDER, **changes})


def test_only_the_header_of_the_vendor_carries_a_key(ask: Ask) -> None:
    assert ask("GET", "/billing/balance").status_code == 200
    refused = ask("GET", "/billing/balance", {"Authorization": f"Bearer {SECRET}"})
    assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
    assert refused.headers["X-Request-ID"]


def test_the_catalogue_is_public_and_shows_more_to_some_keys(ask: Ask, room: PikaRoom) -> None:
    public = [row["api_id"] for row in ask("GET", "/catalog/apis", {}).json()["apis"]]
    assert "pika/pika-2.5/text-to-video" in public
    assert "pika/pika-3-preview/text-to-video" not in public

    room.keys[SECRET].rights = frozenset({EARLY_ACCESS})

    assert len(ask("GET", "/catalog/apis").json()["apis"]) == len(public) + 1


def test_an_operation_is_shown_with_its_schema_and_an_alias_without(ask: Ask) -> None:
    for api_id in ("pika/pika-2.5/text-to-video", "pika%2Fpika-2.5%2Ftext-to-video"):
        detail = ask("GET", f"/catalog/apis/{api_id}?expand=inputs", {}).json()
        assert detail["call"] == {"method": "POST", "path": PATH}
        assert detail["input_schema"]["properties"]["duration_s"] == {"type": "integer", "const": 5, "default": 5}
        assert detail["input_schema"]["additionalProperties"] is False
    assert "call" not in ask("GET", "/catalog/apis/lumen/reel/text-to-video", {}).json()
    assert ask("GET", "/catalog/apis/no/such", {}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "cost"), [({}, 200_000), ({"resolution": "1080p"}, 450_000), ({"duration_s": 5}, 200_000)]
)
def test_a_quote_is_what_a_job_costs(ask: Ask, changes: dict[str, Any], cost: int) -> None:
    quote = ask("POST", "/catalog/apis/pika/pika-2.5/text-to-video/quote", {}, json={**ORDER, **changes}).json()
    assert quote == {"micro_usd": cost, "sell_usd": f"{cost / 1e6:g}"}
    assert ask("POST", "/catalog/apis/pika/pika-2.5/text-to-video/quote", {}, json={}).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"aspect_ratio": "16:9"},
        {"duration": 5},
        {"duration_s": 10},
        {"duration_s": "5"},
        {"resolution": "4k"},
        {"prompt": ""},
        {"prompt": 7},
        {"seed": "one"},
    ],
)
def test_what_the_schema_does_not_know_is_refused_and_free(
    ask: Ask, emulator: Emulator, changes: dict[str, Any]
) -> None:
    refused = submit(ask, **changes)

    assert refused.status_code == 422
    assert set(refused.json()) == {"message"}
    assert emulator.ledger == []


def test_nulls_are_where_the_schema_has_them(ask: Ask) -> None:
    assert submit(ask, seed=None, negative_prompt=None).status_code == 200


def test_a_picture_is_needed_where_the_schema_says_so(ask: Ask) -> None:
    path = "/v1/media/pika/pika-2.5/image-to-video"
    assert ask("POST", path, json={"image": "data:image/png;base64,AA"}).status_code == 422
    assert ask("POST", path, json={"image": "https://pictures.example/1.png"}).status_code == 200


def test_a_job_goes_through_its_states_with_nulls(ask: Ask, room: PikaRoom) -> None:
    room.job_seconds, room.pinned = 60, 0
    job = submit(ask).json()
    assert job == {"id": job["id"], "status": "queued", "output": None, "error": None}
    assert ask("GET", f"/v1/media/jobs/{job['id']}/content").status_code == 409

    seen = []
    for room.pinned in (0.1, 0.5, 1):
        seen.append(ask("GET", f"/v1/media/jobs/{job['id']}").json()["status"])

    assert seen == ["queued", "running", "completed"]
    assert ask("GET", f"/v1/media/jobs/{job['id']}/content").json()["url"].endswith(".mp4")


def test_one_token_is_one_job_also_when_it_failed(ask: Ask, emulator: Emulator, room: PikaRoom) -> None:
    first = submit(ask, "t-1").json()["id"]
    assert submit(ask, "t-1").json()["id"] == first
    assert submit(ask, "t-1", prompt="another boat").status_code == 409
    assert submit(ask, "t-1", path="/v1/media/lumen/reel-2/text-to-video").status_code == 409

    room.play("fails_internal")
    failed = submit(ask, "t-2").json()

    assert submit(ask, "t-2").json() == failed
    assert submit(ask).json()["id"] != submit(ask).json()["id"]
    assert [charge.token for charge in emulator.ledger] == ["t-1", None, None]


def test_a_token_of_another_account_is_another_token(ask: Ask, room: PikaRoom) -> None:
    room.add_key("neighbour", "another-key")
    mine = submit(ask, "t-1").json()["id"]

    theirs = ask("POST", PATH, {"X-API-Key": "another-key", "Idempotency-Key": "t-1"}, json=ORDER).json()["id"]

    assert theirs != mine
    assert ask("GET", f"/v1/media/jobs/{theirs}").status_code == 404


def test_a_running_job_that_will_fail_holds_its_cost(ask: Ask, emulator: Emulator, room: PikaRoom) -> None:
    room.keys[SECRET].credit = 300_000
    room.job_seconds, room.pinned = 60, 0.5
    room.play("fails_provider_error")
    submit(ask)

    assert ask("GET", "/billing/balance").json()["balance_micro_usd"] == 100_000
    broke = submit(ask).json()
    room.pinned = 1
    assert ask("GET", "/billing/balance").json()["balance_micro_usd"] == 300_000

    assert (broke["status"], broke["error"]["code"]) == ("failed", "insufficient_balance")
    assert emulator.ledger == []
    submit(ask)
    assert ask("GET", "/billing/balance").json()["balance_micro_usd"] == 100_000


def test_only_so_many_jobs_run_at_a_time(ask: Ask, room: PikaRoom) -> None:
    room.most_jobs, room.job_seconds, room.pinned = 2, 60, 0.5
    submit(ask)
    submit(ask)

    busy = submit(ask)

    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    assert busy.json() == {"message": "concurrency limit exceeded: 2 video job(s) already in flight"}
    room.pinned = 1
    assert submit(ask).status_code == 200


def test_a_clip_is_real_and_refuses_keys_and_libraries(ask: Ask, room: PikaRoom) -> None:
    job_id = submit(ask).json()["id"]
    url = ask("GET", f"/v1/media/jobs/{job_id}").json()["output"]["video"]["url"]

    file = requests.get(url, headers=AGENT, timeout=60)

    assert file.headers["Content-Type"] == "video/mp4"
    with av.open(io.BytesIO(file.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    part = requests.get(url, headers={**AGENT, "Range": "bytes=0-9"}, timeout=60)
    assert (part.status_code, part.content) == (206, file.content[:10])
    assert requests.get(url, headers={**AGENT, "X-API-Key": SECRET}, timeout=60).status_code == 403
    assert requests.get(url, timeout=60).status_code == 403
    room.link_seconds = 0
    assert requests.get(url, headers=AGENT, timeout=60).status_code == 404


def test_a_job_can_be_purged(ask: Ask) -> None:
    job_id = submit(ask).json()["id"]

    assert ask("DELETE", f"/v1/media/jobs/{job_id}").status_code == 204
    assert ask("GET", f"/v1/media/jobs/{job_id}").status_code == 404
    assert ask("GET", f"/v1/media/jobs/{job_id}/content").status_code == 404


def test_an_upload_wants_its_own_headers_and_no_key(ask: Ask, room: PikaRoom) -> None:
    grant = ask("POST", "/v1/media/uploads", json={"content_type": "image/png", "size_bytes": 4}).json()

    def put(headers: dict[str, str]) -> int:
        return requests.put(grant["upload_url"], data=b"\x89PNG", headers=headers, timeout=60).status_code

    assert put({**grant["headers"], "X-API-Key": SECRET}) == 403
    assert put({"Content-Type": "image/jpeg"}) == 403
    assert put(grant["headers"]) == 200
    assert list(room.uploads.files.values()) == [b"\x89PNG"]
    assert ask("DELETE", f"/v1/media/uploads?url={grant['url']}").status_code == 204
    assert ask("DELETE", f"/v1/media/uploads?url={grant['url']}").status_code == 404


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [("image/png", 20_000_001, 413), ("video/mp4", 50_000_000, 200), ("text/html", 4, 415), (None, 4, 422)],
)
def test_an_upload_has_its_limits(ask: Ask, content_type: str | None, size: int, status: int) -> None:
    asked = {"content_type": content_type, "size_bytes": size}

    assert ask("POST", "/v1/media/uploads", json=asked).status_code == status


def test_a_webhook_is_signed_and_logged(ask: Ask, room: PikaRoom) -> None:
    with Listener(500) as listener:
        endpoint = room.webhooks.add(listener.url)
        room.courier.pause_seconds, room.courier.answer_seconds = 0, 60
        job_id = submit(ask).json()["id"]
        heard = [listener.next() for _ in range(2)][-1]
        until(lambda: room.webhooks.deliveries)

    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    key = base64.b64decode(endpoint.secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert heard.headers["webhook-signature"] == f"v1,{expected}"
    (row,) = ask("GET", f"/v1/webhooks/deliveries?source_id={job_id}").json()["results"]
    assert (row["status"], row["attempt_count"]) == ("delivered", 2)


def test_a_webhook_leads_to_this_machine_only(room: PikaRoom) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        room.webhooks.add("https://quatrain.example/hooks")
