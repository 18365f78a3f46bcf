"""The emulated SUNO over the wire: its envelope, states, callbacks, credits, pace and files."""

import io
import json
from collections.abc import Iterator
from typing import Any

import av
import pytest
import requests

from providers.kinds import ProviderKind
from tests.emulator.callbacks import is_here
from tests.emulator.listener import Listener, until
from tests.emulator.server import Emulator
from tests.emulator.suno import SunoRoom

SECRET = "emulated-suno-0123456789abcdef"
ELSEWHERE = "https://quatrain.example/callbacks/1"
ORDER = {
    "customMode": True,
    "instrumental": False,
    "model": "V5",
    "prompt": "La la",
    "style": "folk",
    "title": "La",
    "callBackUrl": ELSEWHERE,
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.suno.add_key("works", SECRET)
        running.suno.job_seconds = 0
        running.suno.courier.answer_seconds = 60
        yield running


@pytest.fixture
def room(emulator: Emulator) -> SunoRoom:
    return emulator.suno


class Client:
    """What anybody would send, by plain requests."""

    def __init__(self, base_url: str, secret: str) -> None:
        self.base_url = base_url
        self.headers = {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, **features: Any) -> dict[str, Any]:
        response = requests.request(method, self.base_url + path, headers=self.headers, timeout=60, **features)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def order(self, **changes: Any) -> dict[str, Any]:
        return self.ask("POST", "/api/v1/generate", json={**ORDER, **changes})

    def task(self, task_id: str) -> Any:
        return self.ask("GET", f"/api/v1/generate/record-info?taskId={task_id}")["data"]


@pytest.fixture
def client(emulator: Emulator) -> Client:
    return Client(emulator.base_url(ProviderKind.SUNO), SECRET)


def test_a_song_goes_through_its_states(client: Client, room: SunoRoom) -> None:
    room.job_seconds, room.pinned = 60, 0
    task_id = client.order()["data"]["taskId"]
    assert len(task_id) == 32

    seen = []
    for room.pinned in (0, 0.3, 0.6, 1):
        task = client.task(task_id)
        songs = (task["response"] or {"sunoData": []})["sunoData"]
        seen.append((task["status"], [bool(song["audioUrl"]) for song in songs]))

    assert seen == [
        ("PENDING", []),
        ("TEXT_SUCCESS", [False, False]),
        ("FIRST_SUCCESS", [True, False]),
        ("SUCCESS", [True, True]),
    ]


def test_a_job_ends_by_itself_after_its_time(client: Client, room: SunoRoom) -> None:
    room.job_seconds = 60
    job = room.jobs[client.order()["data"]["taskId"]]
    assert client.task(job.id)["status"] == "PENDING"

    job.began -= 61

    assert client.task(job.id)["status"] == "SUCCESS"


def test_the_newest_models_spell_songs_in_snake_case(client: Client, room: SunoRoom) -> None:
    old = client.task(client.order()["data"]["taskId"])["response"]["sunoData"][0]
    new = client.task(client.order(model="V6", lyrics="La")["data"]["taskId"])["response"]["sunoData"][0]

    assert {"audioUrl", "modelName"} <= old.keys()
    assert {"audio_url", "model_name"} <= new.keys()
    room.snake_case = True
    assert "audio_url" in client.task(client.order()["data"]["taskId"])["response"]["sunoData"][0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"callBackUrl": None}, 422),
        ({"callBackUrl": "nowhere"}, 422),
        ({"customMode": None}, 422),
        ({"instrumental": None}, 422),
        ({"model": "V3_5"}, 422),
        ({"title": "x" * 81}, 413),
        ({"model": "V4", "style": "x" * 201}, 413),
        ({"model": "V4", "prompt": "x" * 3001}, 413),
        ({"prompt": "x" * 5001}, 413),
        ({"style": None}, 400),
        ({"title": ""}, 400),
        ({"prompt": ""}, 400),
        ({"model": "V6", "duration": 9}, 422),
        ({"model": "V5_5", "duration": 361}, 422),
        ({"model": "V6", "lyrics": "x" * 5001}, 413),
        ({"customMode": False, "prompt": ""}, 400),
    ],
)
def test_a_malformed_order_is_refused_under_200_and_free(
    client: Client, emulator: Emulator, changes: dict[str, Any], code: int
) -> None:
    assert client.order(**changes)["code"] == code
    assert emulator.ledger == []


def test_a_deployment_from_before_the_sixth_refuses_it(client: Client, room: SunoRoom) -> None:
    room.models = ("V5", "V4_5")

    assert client.order(model="V6", lyrics="La")["code"] == 422
    assert client.order()["code"] == 200


def test_every_order_takes_twelve_credits_until_none_are_left(
    client: Client, emulator: Emulator, room: SunoRoom
) -> None:
    room.keys[SECRET].credit = 30

    codes = [client.order(callBackUrl=f"{ELSEWHERE}{n}")["code"] for n in range(3)]

    assert codes == [200, 200, 429]
    assert client.ask("GET", "/api/v1/generate/credit")["data"] == 6
    assert [charge.token for charge in emulator.ledger] == [f"{ELSEWHERE}0", f"{ELSEWHERE}1"]


def test_more_than_twenty_calls_in_ten_seconds_are_too_many(client: Client, room: SunoRoom) -> None:
    assert room.window_seconds == 10
    room.window_seconds = 3600  # however long so many calls take
    codes = [client.ask("GET", "/api/v1/generate/credit")["code"] for _ in range(21)]

    assert codes == [200] * 20 + [430]
    room.window_seconds = 0
    assert client.ask("GET", "/api/v1/generate/credit")["code"] == 200


def test_a_wrong_key_is_refused_under_200(emulator: Emulator) -> None:
    client = Client(emulator.base_url(ProviderKind.SUNO), "another")

    assert client.order()["code"] == 401


def test_a_task_of_another_account_is_not_there(client: Client, emulator: Emulator, room: SunoRoom) -> None:
    room.add_key("neighbour", "another-key")
    task_id = client.order()["data"]["taskId"]

    assert Client(emulator.base_url(ProviderKind.SUNO), "another-key").task(task_id) is None


def test_both_songs_are_real_and_differ_and_come_in_ranges(client: Client) -> None:
    songs = client.task(client.order()["data"]["taskId"])["response"]["sunoData"]
    files = [requests.get(song["audioUrl"], timeout=60) for song in songs]

    for file in files:
        assert file.headers["Content-Type"] == "audio/mpeg"
        with av.open(io.BytesIO(file.content), "r") as container:
            assert (container.format.name, (container.duration or 0) > 5_000_000) == ("mp3", True)
    assert files[0].content != files[1].content
    part = requests.get(songs[0]["audioUrl"], headers={"Range": "bytes=10-19"}, timeout=60)
    assert (part.status_code, part.content) == (206, files[0].content[10:20])


def test_a_link_expires_and_can_be_refused(client: Client, room: SunoRoom) -> None:
    url = client.task(client.order()["data"]["taskId"])["response"]["sunoData"][0]["audioUrl"]
    room.play("link_refused")
    assert requests.get(url, timeout=60).status_code == 403
    assert requests.get(url, timeout=60).status_code == 200

    room.link_seconds = 0

    assert requests.get(url, timeout=60).status_code == 404


def test_a_download_can_break_off(client: Client, room: SunoRoom) -> None:
    url = client.task(client.order()["data"]["taskId"])["response"]["sunoData"][0]["audioUrl"]
    room.fail("file", cut_body=True)

    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=60)


def test_a_listener_hears_the_text_the_first_song_and_the_end(client: Client) -> None:
    with Listener() as listener:
        task_id = client.order(callBackUrl=listener.url)["data"]["taskId"]
        bodies = [json.loads(listener.next().body) for _ in range(3)]

    assert [body["data"]["callbackType"] for body in bodies] == ["text", "first", "complete"]
    assert {body["data"]["task_id"] for body in bodies} == {task_id}
    assert [len([song for song in body["data"]["data"] if song["audio_url"]]) for body in bodies] == [0, 1, 2]
    assert isinstance(bodies[2]["data"]["data"][0]["createTime"], str)


def test_a_failure_is_called_back_without_data(client: Client, room: SunoRoom) -> None:
    room.play("failed")
    with Listener() as listener:
        client.order(callBackUrl=listener.url)
        body = [json.loads(listener.next().body) for _ in range(3)][-1]

    assert (body["code"], body["data"]["callbackType"], body["data"]["data"]) == (501, "error", None)


def test_a_callback_is_tried_three_times_more(client: Client, room: SunoRoom) -> None:
    room.courier.pause_seconds = 0
    with Listener(500, 404, 302) as listener:
        client.order(callBackUrl=listener.url)
        kinds = [json.loads(listener.next().body)["data"]["callbackType"] for _ in range(6)]

    assert kinds == ["text"] * 4 + ["first", "complete"]


def test_a_callback_can_come_twice(client: Client, room: SunoRoom) -> None:
    room.courier.copies = 2
    with Listener() as listener:
        client.order(callBackUrl=listener.url)
        kinds = [json.loads(listener.next().body)["data"]["callbackType"] for _ in range(6)]

    assert kinds == ["text", "text", "first", "first", "complete", "complete"]


def test_a_song_whose_callbacks_fail_is_there_all_the_same(client: Client, room: SunoRoom) -> None:
    room.courier.pause_seconds = 0
    with Listener(*[500] * 4) as listener:
        task_id = client.order(callBackUrl=listener.url)["data"]["taskId"]
        for _ in range(4):
            listener.next()
        until(lambda: room.jobs[task_id].callback_failed)

    task = client.task(task_id)
    assert task["status"] == "CALLBACK_EXCEPTION"
    assert task["response"]["sunoData"][0]["audioUrl"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/callbacks/1", True),
        ("http://localhost/x", True),
        ("http://[::1]:1/x", True),
        ("https://127.0.0.1/x", False),
        ("http://10.0.0.1/x", False),
        ("http://127.0.0.1.example/x", False),
        ("http://example.org@10.0.0.1/x", False),
        ("http://[/x", False),
        ("", False),
    ],
)
def test_nothing_is_ever_called_but_this_machine(url: str, expected: bool) -> None:
    assert is_here(url) is expected
