"""Two machines that share nothing but PostgreSQL, Redis and a bucket, each reached over the network."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from launch.embedded_redis import EmbeddedRedis
from providers.kinds import ProviderKind, StageType
from tests.emulated_sections import KINDS, OWN_POEM
from tests.emulator.server import Emulator
from tests.local_s3 import LocalS3
from tests.local_services import LocalPostgres
from tests.running_system import ROOT, RunningSystem, free_port, wait_until

pytestmark = pytest.mark.processes

POEM, VOICE, SONG, CLIP = StageType
KEY = "sk-fake-first-0123456789-a1b2"
CODE = ("domain", "migrations", "providers", "tasks", "web", "celeryconfig.py", "settings.py", "wsgi.py")
#: Songs that the provider takes in so many seconds.
CALLS, SECONDS = 8, 2


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.suno.most_calls, running.suno.window_seconds = CALLS, SECONDS
        for kind in KINDS.values():
            running.rooms[kind].add_key("first", KEY)
        yield running


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, s3: LocalS3, emulator: Emulator
) -> Iterator[tuple[RunningSystem, RunningSystem]]:
    """Each has its own code, its own folder and its own three processes."""
    with ExitStack() as running:
        services = tmp_path_factory.mktemp("services")
        postgres = running.enter_context(LocalPostgres(services / "postgres", port=free_port()))
        redis = running.enter_context(EmbeddedRedis(services / "redis"))
        port = free_port()
        shared = {
            **s3.env,
            **{f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms},
            "REDIS_URL": redis.start(),
            "ADMIN_SECRET_KEY": secrets.token_urlsafe(32),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "PROVIDER_LIMITS": f"SUNO={CALLS}/{SECONDS}s",
            "POLL_INTERVAL_SECONDS": "1",
            # The second machine is called back, whoever has ordered; the first one will die.
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        url = postgres.new_database()
        first = running.enter_context(machine(tmp_path_factory.mktemp("first"), url, shared))
        second = running.enter_context(machine(tmp_path_factory.mktemp("second"), url, {**shared, "PORT": str(port)}))
        yield first, second


def machine(folder: Path, database_url: str, env: dict[str, str]) -> RunningSystem:
    code, var = folder / "code", folder / "var"
    code.mkdir()
    var.mkdir()
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, code)
    return RunningSystem(var, database_url, env, code)


def end_leases(system: RunningSystem) -> None:
    """Let the time pass for which a worker that is gone keeps the others away."""
    engine = create_engine(system.database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE stages SET lease_until = '2000-01-01' WHERE state = 'running'"))


def media_on(system: RunningSystem) -> list[Path]:
    folder = system.folder / "media"
    return list(folder.iterdir()) if folder.exists() else []


def test_they_share_the_work_the_pace_of_a_provider_and_what_was_made(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    first, second = machines
    admin, shops = first.browser(), [first.api(), second.api("shop-2")]
    for stage_type, kind in KINDS.items():
        admin.save_section(stage_type, kind, api_key=KEY)
        wait_until(lambda stage_type=stage_type: shops[1].stage(stage_type)["ready"], f"{stage_type} is ready")
    asked, paid = len(emulator.requests), len(emulator.ledger)

    order_ids = [shops[number % 2].place(SONG, poem=OWN_POEM).json()["id"] for number in range(24)]
    order_ids += [shops[number % 2].place(VOICE, poem=OWN_POEM).json()["id"] for number in range(24)]
    for order_id in order_ids:
        wait_until(lambda order_id=order_id: shops[0].order(order_id)["state"] == "done", f"{order_id} is done", 90)

    # Each was paid for once. Apart they would be refused a dozen times for coming too early; together hardly ever: a
    # call that a busy machine holds up on its way may still meet the next one.
    assert sum(charge.provider is ProviderKind.SUNO for charge in emulator.ledger[paid:]) == 24
    assert 24 <= [call.route for call in emulator.requests[asked:]].count("generate") <= 26
    for system in machines:
        assert '"stage_type": "VOICE"' in (system.folder / "worker.log").read_text()
        assert media_on(system) == []
    for order_id, stage_type in ((order_ids[0], SONG), (order_ids[-1], VOICE)):
        here, there = (shop.get(f"/api/v1/orders/{order_id}/works/{stage_type}") for shop in shops)
        assert here.status_code == 200
        assert here.content == there.content


def test_when_one_of_them_dies_the_other_goes_on_and_nothing_is_paid_twice(
    machines: tuple[RunningSystem, RunningSystem], emulator: Emulator
) -> None:
    first, second = machines
    shop = first.api()
    before = len(emulator.ledger)
    emulator.suno.pinned = 0.5
    order_ids = [shop.place(SONG, poem=OWN_POEM).json()["id"] for _ in range(6)]
    wait_until(lambda: len(emulator.ledger) == before + 6, "all songs are being made")
    emulator.rooms[KINDS[VOICE]].fail("v1", "v3", delay=2, times=6)
    order_ids += [shop.place(VOICE, poem=OWN_POEM).json()["id"] for _ in range(6)]

    for name in ("web", "worker", "beat"):
        first.kill(name)
    emulator.suno.pinned = None
    end_leases(second)
    shop = second.api("shop-2")
    for order_id in order_ids:
        wait_until(lambda order_id=order_id: shop.order(order_id)["state"] == "done", f"{order_id} is done", 90)

    songs = [charge for charge in emulator.ledger[before:] if charge.provider is KINDS[SONG]]
    assert len(songs) == 6
