"""All six providers over their wires, through every process."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from providers.kinds import ProviderKind, StageType
from tests.emulated_sections import KINDS, PAID_ROUTES
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.emulator.state import Call, Charge
from tests.http_session import Api, Browser
from tests.processes.passing_time import do, no_waiting_for_jobs
from tests.running_system import RunningSystem, wait_until

pytestmark = pytest.mark.processes

POEM, VOICE, SONG, CLIP = StageType
OPENAI, GEMINI, YANDEX = ProviderKind.OPENAI, ProviderKind.GEMINI, ProviderKind.YANDEX_GPT
OF_STAGE = KINDS | {POEM: YANDEX}
OWN_POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."
#: Songs that may be ordered in so many seconds. The provider counts those of a quarter of that time, and so forgives
#: what a busy machine does to the pace of calls that are on their way.
CALLS, SECONDS = 8, 3
SONGS = 2 * CALLS


def key_of(kind: ProviderKind, name: str = "first") -> str:
    return f"fake-{kind.lower().replace('_', '-')}-0123456789-{name}"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        for kind, room in running.rooms.items():
            for name in ("first", "second"):
                room.add_key(name, key_of(kind, name))
        yield running


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[RunningSystem]:
    """One for the module, which nobody can call back: a start costs seconds."""
    folder = tmp_path_factory.mktemp("system")
    urls = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    env = {**urls, "POLL_INTERVAL_SECONDS": "1", "PROVIDER_LIMITS": f"SUNO={CALLS}/{SECONDS}s"}
    emulator.suno.most_calls, emulator.suno.window_seconds = CALLS, SECONDS / 4
    with RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env) as it:
        yield it


@pytest.fixture(autouse=True)
def done_before(emulator: Emulator) -> tuple[int, int]:
    """How much had been charged and asked before the test."""
    return len(emulator.ledger), len(emulator.requests)


@pytest.fixture
def charges(emulator: Emulator, done_before: tuple[int, int]) -> Callable[[], list[Charge]]:
    """What the test was charged for so far."""
    return lambda: emulator.ledger[done_before[0] :]


@pytest.fixture
def calls(emulator: Emulator, done_before: tuple[int, int]) -> Callable[[str], list[Call]]:
    """What the test has asked on a route so far."""
    return lambda route: [call for call in emulator.requests[done_before[1] :] if call.route == route]


def use(admin: Browser, shop: Api, stage_type: StageType, kind: ProviderKind, name: str = "first") -> None:
    """Save a key for a section and wait until it is in use."""
    admin.save_section(stage_type, kind, api_key=key_of(kind, name))
    wait_until(
        lambda: (stage := shop.stage(stage_type))["ready"] and stage["provider_kind"] == kind,
        f"{kind} serves {stage_type}",
    )


def finished(shop: Api, order_id: int) -> dict[str, dict[str, object]]:
    """The stages of the order once it is done."""
    wait_until(partial(shop.is_done, order_id), "the order is done", 120)
    return dict(shop.order(order_id)["stages"])


def states(shop: Api, order_id: int, *stage_types: StageType) -> set[str]:
    """The states of these stages."""
    stages = shop.order(order_id)["stages"]
    return {stages[stage_type]["state"] for stage_type in stage_types}


def jobs_of(emulator: Emulator, stage_type: StageType) -> JobRoom:
    room = emulator.rooms[OF_STAGE[stage_type]]
    assert isinstance(room, JobRoom)
    return room


def test_one_order_four_providers_then_three_poets_and_a_key_that_changes_under_a_song(
    system: RunningSystem,
    emulator: Emulator,
    charges: Callable[[], list[Charge]],
    calls: Callable[[str], list[Call]],
) -> None:
    admin, shop = system.browser(), system.api()
    for stage_type, kind in OF_STAGE.items():
        use(admin, shop, stage_type, kind)

    # One order, four works by four providers.
    order_id = shop.place(*StageType).json()["id"]
    wait_until(lambda: states(shop, order_id, SONG, CLIP) == {"submitted"}, "song and clip are handed over")
    no_waiting_for_jobs(system)
    made = finished(shop, order_id)
    assert {stage_type: made[stage_type]["provider_kind"] for stage_type in StageType} == OF_STAGE
    assert "Анна" in str(made[POEM]["text"])
    works = {
        stage_type: shop.get(f"/api/v1/orders/{order_id}/works/{stage_type}") for stage_type in (VOICE, SONG, CLIP)
    }
    kinds = {stage_type: work.headers["Content-Type"].split("/")[0] for stage_type, work in works.items()}
    assert kinds == {VOICE: "audio", SONG: "audio", CLIP: "video"}
    assert all(len(work.content) > 1000 for work in works.values())

    # The poet changes between orders, and each order says who wrote it and with which model.
    for kind in (GEMINI, OPENAI):
        use(admin, shop, POEM, kind)
        poem_id = shop.place(POEM).json()["id"]
        poem = finished(shop, poem_id)[POEM]
        assert (poem["provider_kind"], poem["model"]) == (kind, shop.stage(POEM)["model"])

    # The key changes while a song is being made: the song still arrives, by the key that ordered it.
    jobs_of(emulator, SONG).pinned = 0.1
    song_id = shop.place(SONG, poem=OWN_POEM).json()["id"]
    wait_until(lambda: states(shop, song_id, SONG) == {"submitted"}, "the song is being made")
    use(admin, shop, SONG, ProviderKind.SUNO, "second")
    wait_until(lambda: admin.get("/admin/providers/SONG").text.count("…cond"), "the new key is in use")
    jobs_of(emulator, SONG).pinned = None
    no_waiting_for_jobs(system)
    finished(shop, song_id)
    assert {call.key for call in calls("record")} == {"first"}

    paid = [(charge.provider, charge.key) for charge in charges() if charge.provider is not OF_STAGE[VOICE]]
    assert sorted(paid) == sorted(
        [(YANDEX, "first"), (GEMINI, "first"), (OPENAI, "first"), (OF_STAGE[CLIP], "first")]
        + [(OF_STAGE[SONG], "first")] * 2
    )
    for kind in emulator.rooms:
        assert key_of(kind) not in system.output()


def test_more_songs_than_the_provider_takes_at_once_are_ordered_at_its_pace(
    system: RunningSystem, emulator: Emulator, charges: Callable[[], list[Charge]], calls: Callable[[str], list[Call]]
) -> None:
    admin, shop = system.browser(), system.api()
    use(admin, shop, SONG, OF_STAGE[SONG])
    began = time.time()

    order_ids = [shop.place(SONG, poem=OWN_POEM).json()["id"] for _ in range(SONGS)]
    wait_until(lambda: len(charges()) == SONGS, "all songs are ordered")
    no_waiting_for_jobs(system)
    for order_id in order_ids:
        finished(shop, order_id)

    # None was refused for coming too early.
    assert len(calls("generate")) == SONGS
    assert charges()[-1].at - began >= SECONDS * (SONGS / CALLS - 1)


def test_a_worker_killed_between_submits_and_their_job_ids_is_charged_once_for_each(
    system: RunningSystem, emulator: Emulator, charges: Callable[[], list[Charge]], calls: Callable[[str], list[Call]]
) -> None:
    admin, shop, killed = system.browser(), system.api(), threading.Event()
    for stage_type in (CLIP, SONG):
        use(admin, shop, stage_type, OF_STAGE[stage_type])
        emulator.rooms[OF_STAGE[stage_type]].fail(*PAID_ROUTES[stage_type], until=killed)

    clip, song = (shop.place(stage_type, poem=OWN_POEM).json()["id"] for stage_type in (CLIP, SONG))
    wait_until(lambda: len(charges()) == 2, "the providers have taken and charged them")
    system.kill("worker")
    killed.set()
    assert states(shop, clip, CLIP) | states(shop, song, SONG) == {"running"}
    do(system, "UPDATE stages SET lease_until = '2000-01-01' WHERE state = 'running'")
    system.start_process("worker")

    # The maker of clips takes the same submit twice for one, the maker of songs does not.
    wait_until(lambda: states(shop, clip, CLIP) == {"uncertain"}, "it is being looked for")
    no_waiting_for_jobs(system)
    wait_until(lambda: states(shop, clip, CLIP) == {"submitted"}, "the job is found")
    no_waiting_for_jobs(system)
    finished(shop, clip)
    wait_until(lambda: shop.order(song)["state"] == "attention", "a person is asked")
    assert len(charges()) == 2
    for stage_type in (CLIP, SONG):
        tokens = [call.headers.get("idempotency-key") for route in PAID_ROUTES[stage_type] for call in calls(route)]
        assert len(set(tokens)) == 1
