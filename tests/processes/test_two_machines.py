"""Two machines that share nothing but PostgreSQL, Redis and a bucket, each reached over the network."""

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from launch.embedded_redis import EmbeddedRedis
from providers.kinds import ProviderKind, StageType
from tests.emulated_sections import KINDS, OWN_POEM, PAID_ROUTES
from tests.emulator.server import Emulator
from tests.http_session import Api
from tests.local_s3 import LocalS3
from tests.local_services import LocalPostgres
from tests.processes.stale_lists import ONE_CHECK, questions_for_a_stale_list
from tests.running_system import ROOT, RunningSystem, free_port, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.thorough]

POEM, VOICE, SONG, CLIP = StageType
KEY = "sk-fake-first-0123456789-a1b2"
CODE = (
    "domain",
    "migrations",
    "providers",
    "tasks",
    "web",
    "wire",
    "celeryconfig.py",
    "settings.py",
    "escaping.py",
    "private_files.py",
    "wsgi.py",
)
#: Songs that the provider takes in so many seconds, as far as the machines know. It counts those of a quarter of that
#: time, and so forgives what a busy machine does to the pace of calls that are on their way.
CALLS, SECONDS = 8, 3
SONGS = 2 * CALLS
WORKER_THREADS = 4
#: More than the worker of one machine can have under way.
VOICES = WORKER_THREADS + 2


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.suno.most_calls, running.suno.window_seconds = CALLS, SECONDS / 4
        for kind in KINDS.values():
            running.rooms[kind].add_key("first", KEY)
        yield running


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, postgres: LocalPostgres, s3: LocalS3, emulator: Emulator
) -> Iterator[tuple[RunningSystem, RunningSystem]]:
    """Each has its own code, its own folder and its own three processes."""
    with ExitStack() as running:
        redis = running.enter_context(EmbeddedRedis(tmp_path_factory.mktemp("redis")))
        port = free_port()
        shared = {
            **s3.env,
            **{f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms},
            "REDIS_URL": redis.start(),
            "ADMIN_SECRET_KEY": secrets.token_hex(32),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "PROVIDER_LIMITS": f"SUNO={CALLS}/{SECONDS}s",
            "POLL_INTERVAL_SECONDS": "1",
            "WORKER_THREADS": str(WORKER_THREADS),
            # The second machine is called back, whoever has ordered; the first one will die.
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        url = postgres.over_network(postgres.new_database())
        first = running.enter_context(machine(tmp_path_factory.mktemp("first"), url, shared))
        second = running.enter_context(machine(tmp_path_factory.mktemp("second"), url, {**shared, "PORT": str(port)}))
        yield first, second


def machine(folder: Path, database_url: str, env: dict[str, str]) -> RunningSystem:
    code, var = folder / "code", folder / "var"
    code.mkdir()
    var.mkdir()
    for name in CODE:
        # With what Python has compiled, which knows its source by size and time.
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, code / name)
        else:
            shutil.copy2(ROOT / name, code)
    return RunningSystem(var, database_url, env, code)


def end_leases(system: RunningSystem) -> None:
    """Let the time pass for which a worker that is gone keeps the others away."""
    engine = create_engine(system.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE stages SET lease_until = '2000-01-01' WHERE state = 'running'"))


def wait_for(shop: Api, order_ids: list[int]) -> None:
    for order_id in order_ids:
        wait_until(partial(shop.is_done, order_id), f"{order_id} is done", 120)


def media_on(system: RunningSystem) -> list[Path]:
    folder = system.folder / "media"
    return list(folder.iterdir()) if folder.exists() else []


def test_they_share_the_work_the_pace_of_a_provider_and_what_was_made(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    first, second = machines
    admin, shops = first.browser(), [first.api(), second.api("shop-2")]
    for stage_type in (POEM, VOICE, CLIP):
        admin.save_section(stage_type, KINDS[stage_type], api_key=KEY)
        wait_until(partial(shops[1].is_ready, stage_type), f"{stage_type} is ready")
    asked, paid, all_are_called = len(emulator.requests), len(emulator.ledger), threading.Event()
    emulator.rooms[KINDS[VOICE]].fail(*PAID_ROUTES[VOICE], until=all_are_called, times=VOICES)

    # The songs wait for a key, and then begin all at once.
    songs = [shops[number % 2].place(SONG, poem=OWN_POEM).json()["id"] for number in range(SONGS)]
    began = time.time()
    admin.save_section(SONG, KINDS[SONG], api_key=KEY)
    wait_for(shops[0], songs)
    charges = emulator.ledger[paid:]
    voices = [shops[number % 2].place(VOICE, poem=OWN_POEM).json()["id"] for number in range(VOICES)]
    wait_until(lambda: len(emulator.ledger) == paid + SONGS + VOICES, "all are called, which one machine could not do")
    all_are_called.set()
    wait_for(shops[0], voices)

    # Each was paid for once. Apart, half of them would have been refused for coming too early.
    assert [charge.provider for charge in charges] == [ProviderKind.SUNO] * SONGS
    assert [call.route for call in emulator.requests[asked:]].count("generate") == SONGS
    assert charges[-1].at - began >= SECONDS * (SONGS / CALLS - 1)
    for system in machines:
        assert '"stage_type": "VOICE"' in (system.folder / "worker.log").read_text()
        assert media_on(system) == []
    for order_id, stage_type in ((songs[0], SONG), (voices[-1], VOICE)):
        here, there = (shop.get(f"/api/v1/orders/{order_id}/works/{stage_type}") for shop in shops)
        assert here.status_code == 200
        assert here.content == there.content


def test_a_call_back_to_one_brings_the_song_of_the_other_long_before_the_first_look(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    shop, before = machines[0].api(), len(emulator.ledger)

    order_id = shop.place(SONG, poem=OWN_POEM).json()["id"]

    wait_until(partial(shop.is_done, order_id), "the song")
    assert len(emulator.ledger) == before + 1


def test_two_beats_and_two_workers_refresh_a_stale_section_once(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    first, second = machines

    routes = questions_for_a_stale_list(first.browser(), first.api(), emulator, second.database_url, KEY)

    assert routes == ONE_CHECK


def test_when_one_of_them_dies_the_other_goes_on_and_nothing_is_paid_twice(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    first, second = machines
    shop = first.api()
    before = len(emulator.ledger)
    emulator.suno.pinned = 0.5
    order_ids = [shop.place(SONG, poem=OWN_POEM).json()["id"] for _ in range(6)]
    wait_until(lambda: len(emulator.ledger) == before + 6, "all songs are being made")
    dead = threading.Event()
    emulator.rooms[KINDS[VOICE]].fail(*PAID_ROUTES[VOICE], until=dead, times=VOICES)
    order_ids += [shop.place(VOICE, poem=OWN_POEM).json()["id"] for _ in range(VOICES)]
    wait_until(lambda: len(emulator.ledger) == before + 6 + VOICES, "both machines wait for voices")

    for name in ("web", "worker", "beat"):
        first.kill(name)
    dead.set()
    emulator.suno.pinned = None
    end_leases(second)
    wait_for(second.api("shop-2"), order_ids)

    songs = [charge for charge in emulator.ledger[before:] if charge.provider is KINDS[SONG]]
    assert len(songs) == 6
