"""Orders full of marked words, everything that can be done with them, and no mark left once they are erased."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from providers.kinds import ProviderKind, StageType
from tests.canary.redis_witness import RedisWitness
from tests.canary.search import Search
from tests.emulated_sections import KINDS, PAID_ROUTES
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.http_session import Browser
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.thorough]

POEM, VOICE, SONG, CLIP = StageType
KEY = "sk-fake-erasing-0123456789-e5f6"
#: Letters and digits: no escaping changes them.
MARK = "Canary7be2d04a"
BRIEF = {
    "recipient": f"Анна {MARK}",
    "occasion": f"60 лет {MARK}",
    "details": f"любит море {MARK}",
    "tone": f"тепло {MARK}",
}
OWN_POEM = f"Море шумит, и {MARK} поёт."


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'quatrain.db'}"
    postgres: LocalPostgres = request.getfixturevalue("postgres")
    return postgres.new_database()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        for kind in KINDS.values():
            running.rooms[kind].add_key("first", KEY)
        yield running


@pytest.fixture
def system(tmp_path: Path, database_url: str, emulator: Emulator) -> Iterator[RunningSystem]:
    env = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    env |= {"LOG_LEVEL": "DEBUG", "POLL_INTERVAL_SECONDS": "1", "SWEEP_INTERVAL_SECONDS": "1"}
    with RunningSystem(tmp_path, database_url, env) as running:
        yield running


def sections_work(admin: Browser) -> None:
    for stage_type, kind in KINDS.items():
        assert admin.save_section(stage_type, kind, api_key=KEY, model="").status_code == 303
    wait_until(lambda: "data-live" not in admin.get("/admin/providers").text, "the sections are checked", 120)


def rows(system: RunningSystem, question: str) -> list[str]:
    engine = create_engine(system.database_url)
    with engine.connect() as connection:
        found = [str(row[0]) for row in connection.execute(text(question))]
    engine.dispose()
    return found


def places_of_the_mark(system: RunningSystem, witness: RedisWitness) -> Search:
    search = Search(MARK)
    search.look_at_rows(system.database_url)
    # Logs, media, and SQLite's file with its log of writes.
    search.look_at_folder("files", system.folder)
    search.look("logs", "output of all processes", system.output())
    for name, held in witness.keys().items():
        search.look("keys of Redis", name, name.encode() + held)
    search.look_at_commands(witness.commands)
    return search


def test_no_word_of_an_erased_order_is_left_anywhere(system: RunningSystem, emulator: Emulator) -> None:
    admin, shop = system.browser(), system.api()
    sections_work(admin)
    with RedisWitness(system.redis.url) as witness:
        # One that is done; one whose provider names a word as its reason; one whose song is being made; one that waits.
        done = shop.place(*StageType, key=f"key-{MARK}", **BRIEF).json()["id"]
        song = emulator.rooms[ProviderKind.SUNO]
        assert isinstance(song, JobRoom)
        wait_until(
            lambda: [shop.order(done)["stages"][each]["state"] for each in (SONG, CLIP)] == ["submitted"] * 2,
            "song and clip are handed over",
        )
        change(system, "UPDATE stages SET due_at = '2000-01-01' WHERE state = 'submitted'")
        wait_until(partial(shop.is_done, done), "four works")
        for route in PAID_ROUTES[POEM]:
            emulator.openai.fail(route, status=500, body={"error": {"code": MARK, "message": MARK}}, times=None)
        failing = shop.place(POEM, **BRIEF).json()["id"]
        wait_until(lambda: shop.order(failing)["stages"][POEM]["attempts"] > 0, "a poem is refused")
        song.job_seconds = 3600.0
        running = shop.place(SONG, poem=OWN_POEM, **BRIEF).json()["id"]
        wait_until(lambda: shop.order(running)["stages"][SONG]["state"] == "submitted", "a song is being made")
        admin.post("/admin/orders/new", "/admin/orders/new", **BRIEF, language="ru", stages="POEM")
        for path in ("/admin/orders", f"/admin/orders?q={MARK}", f"/admin/orders/{done}"):
            assert MARK in admin.get(path).text
        orders = rows(system, "SELECT id FROM orders ORDER BY id")
        charged = len(emulator.ledger)
        before = {found.partition(":")[0] for found in places_of_the_mark(system, witness).found}
        assert "tables" in before

        by_api, by_page, *by_command = orders
        assert shop.erase(by_api).status_code == 202
        assert admin.post(f"/admin/orders/{by_page}/erase", f"/admin/orders/{by_page}/erase").status_code == 303
        system.command(f"flask --app wsgi orders erase --yes {' '.join(by_command)}")
        wait_until(lambda: not rows(system, "SELECT id FROM orders WHERE erased_at IS NULL"), "nothing is left", 60)

        search = places_of_the_mark(system, witness)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(search.searched.items()))
    print(f"searched: {counts}; found: {len(search.found)}")  # noqa: T201  # -rP shows it, for docs/security.md
    assert search.found == []
    assert search.searched["files"] >= 2
    assert len(emulator.ledger) == charged
    assert "process crashed" not in system.output()


def change(system: RunningSystem, statement: str) -> None:
    engine = create_engine(system.database_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
