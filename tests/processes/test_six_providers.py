"""All six providers over their wires, through every process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from providers.kinds import ProviderKind, StageType
from tests.emulated_sections import KINDS
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.emulator.state import Call, Charge
from tests.http_session import Api, Browser
from tests.running_system import RunningSystem, free_port, wait_until

pytestmark = pytest.mark.processes

POEM, VOICE, SONG, CLIP = StageType
OPENAI, GEMINI, YANDEX = ProviderKind.OPENAI, ProviderKind.GEMINI, ProviderKind.YANDEX_GPT
OF_STAGE = KINDS | {POEM: YANDEX}
OWN_POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."


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
    env = {**urls, "POLL_INTERVAL_SECONDS": "1", "PROVIDER_LIMITS": "SUNO=8/2s"}
    emulator.suno.most_calls, emulator.suno.window_seconds = 8, 2
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
    order = wait_until(lambda: (found := shop.order(order_id))["state"] == "done" and found, "the order is done", 120)
    return dict(order["stages"])


def states(shop: Api, order_id: int, *stage_types: StageType) -> set[str]:
    """The states of these stages."""
    stages = shop.order(order_id)["stages"]
    return {stages[stage_type]["state"] for stage_type in stage_types}


def jobs_of(emulator: Emulator, stage_type: StageType) -> JobRoom:
    room = emulator.rooms[OF_STAGE[stage_type]]
    assert isinstance(room, JobRoom)
    return room


def do(system: RunningSystem, statement: str) -> None:
    """Change a row behind the product's back: let time pass, or look impatient."""
    engine = create_engine(f"sqlite:///{system.folder / 'quatrain.db'}", connect_args={"timeout": 15})
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def no_waiting_for_jobs(system: RunningSystem) -> None:
    """Look at every job at once instead of when it is usually done."""
    do(system, "UPDATE stages SET due_at = '2000-01-01' WHERE state IN ('submitted', 'uncertain')")


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

    order_ids = [shop.place(SONG, poem=OWN_POEM).json()["id"] for _ in range(24)]
    wait_until(lambda: len(charges()) == len(order_ids), "all songs are ordered")
    no_waiting_for_jobs(system)
    for order_id in order_ids:
        finished(shop, order_id)

    # None was refused for coming too early.
    assert len(calls("generate")) == len(order_ids)
    took = charges()[-1].at - charges()[0].at
    assert took >= 2 * (len(order_ids) / 8 - 1)


def test_a_call_back_brings_the_song_long_before_the_first_look(
    tmp_path: Path, emulator: Emulator, charges: Callable[[], list[Charge]]
) -> None:
    urls = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    port = free_port()
    env = {**urls, "PUBLIC_URL": f"http://127.0.0.1:{port}", "PORT": str(port)}
    with RunningSystem(tmp_path, f"sqlite:///{tmp_path / 'quatrain.db'}", env) as system:
        admin, shop = system.browser(), system.api()
        use(admin, shop, SONG, OF_STAGE[SONG])

        order_id = shop.place(SONG, poem=OWN_POEM).json()["id"]

        wait_until(lambda: shop.order(order_id)["state"] == "done", "the song", 30)
    assert len(charges()) == 1


@pytest.mark.parametrize(("stage_type", "route", "ending"), [(CLIP, "submit", "done"), (SONG, "generate", "attention")])
def test_a_worker_killed_between_a_submit_and_its_job_id_is_charged_once(
    system: RunningSystem,
    emulator: Emulator,
    charges: Callable[[], list[Charge]],
    calls: Callable[[str], list[Call]],
    stage_type: StageType,
    route: str,
    ending: str,
) -> None:
    admin, shop = system.browser(), system.api()
    use(admin, shop, stage_type, OF_STAGE[stage_type])
    emulator.rooms[OF_STAGE[stage_type]].fail(route, delay=30)

    order_id = shop.place(stage_type, poem=OWN_POEM).json()["id"]
    wait_until(lambda: len(charges()) == 1, "the provider has taken and charged it")
    system.kill("worker")
    assert states(shop, order_id, stage_type) == {"running"}
    do(system, "UPDATE stages SET lease_until = '2000-01-01' WHERE state = 'running'")
    system.start_process("worker")
    if ending == "done":
        wait_until(lambda: states(shop, order_id, stage_type) == {"uncertain"}, "it is being looked for")
        no_waiting_for_jobs(system)
        wait_until(lambda: states(shop, order_id, stage_type) == {"submitted"}, "the job is found")
        no_waiting_for_jobs(system)
    wait_until(lambda: shop.order(order_id)["state"] == ending, f"the order ends in {ending}")

    assert len(charges()) == 1
    assert len({call.headers.get("idempotency-key") for call in calls(route)}) == 1
