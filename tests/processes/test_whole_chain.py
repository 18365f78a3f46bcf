"""From a key to its models, from a brief to four works, through every process."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.http_session import Api
from tests.local_services import LocalPostgres
from tests.processes.stale_lists import ONE_CHECK, make_list_old, questions_for_a_stale_list
from tests.running_system import RunningSystem, wait_until

pytestmark = pytest.mark.processes

OPENAI, DUMMY = ProviderKind.OPENAI, ProviderKind.DUMMY
POEM, VOICE, SONG, CLIP = StageType
FIRST_KEY = "sk-fake-first-0123456789-a1b2"
SECOND_KEY = "sk-fake-second-0123456789-c3d4"


# On SQLite the other modules, the browser's tests and those of `make run` start the same processes.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param("sqlite", marks=pytest.mark.thorough),
        pytest.param("postgresql", marks=pytest.mark.postgresql),
    ],
)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(database_kind)


@pytest.fixture(scope="module")
def own_database_url(database_kind: str, folder: Path, postgres: LocalPostgres) -> str:
    """A database that only the started processes use."""
    return f"sqlite:///{folder / 'quatrain.db'}" if database_kind == "sqlite" else postgres.new_database()


@pytest.fixture(scope="module")
def emulator(database_kind: str) -> Iterator[Emulator]:
    with Emulator() as running:
        running.openai.add_key("first", FIRST_KEY)
        running.openai.add_key("second", SECOND_KEY)
        yield running


@pytest.fixture(scope="module")
def system(folder: Path, own_database_url: str, emulator: Emulator) -> Iterator[RunningSystem]:
    """One for the module: a start costs seconds, and each test sets the sections that it needs.

    All that the Procfile names is run, the command of a release as well.
    """
    env = {"OPENAI_BASE_URL": emulator.base_url(OPENAI)}
    with RunningSystem(folder, own_database_url, env, releases=True) as running:
        yield running


def test_a_key_gives_models_an_order_gives_four_works_and_a_lost_key_only_makes_orders_wait(
    system: RunningSystem, emulator: Emulator, own_database_url: str
) -> None:
    admin, shop = system.browser(), system.api()

    # A key is saved, and its own models appear.
    assert admin.models(POEM) == []
    saved = admin.save_section(POEM, OPENAI, api_key=FIRST_KEY)
    assert (saved.status_code, saved.headers["Location"].split("#")[0]) == (303, "/admin/providers")
    models = wait_until(lambda: admin.models(POEM), "the key's models in the select")
    assert "gpt-5.4" in models
    assert not any("embedding" in model for model in models)
    assert admin.save_section(POEM, OPENAI, model="gpt-5.4").status_code == 303
    for stage_type in (VOICE, SONG, CLIP):
        admin.save_section(stage_type, DUMMY)
    for stage_type in StageType:
        wait_until(partial(shop.is_ready, stage_type), f"{stage_type} is ready")

    # An order of all four comes to four works.
    placed = shop.place(*StageType)
    assert placed.status_code == 202
    order_id = placed.json()["id"]
    wait_until(partial(shop.is_done, order_id), "four works")
    poem = shop.order(order_id)["stages"]["POEM"]
    assert (poem["provider_kind"], poem["model"].startswith("gpt-5.4")) == ("OPENAI", True)
    assert "Анна" in poem["text"]
    voice, song, clip = (shop.get(f"/api/v1/orders/{order_id}/works/{stage}") for stage in (VOICE, SONG, CLIP))
    assert voice.content[:4] == song.content[:4] == b"RIFF"
    assert clip.content[4:8] == b"ftyp"
    page = admin.get(f"/admin/orders/{order_id}").text
    assert poem["text"].splitlines()[0] in page

    # The key is revoked: the daily refresh notices, keeps the list, and a new order waits.
    emulator.openai.keys[FIRST_KEY].scenario = "revoked"
    make_list_old(own_database_url)
    wait_until(lambda: shop.stage(POEM)["reason"] == "rejected", "the refresh marks the section")
    assert admin.models(POEM) == models
    second_id = shop.place(POEM).json()["id"]
    wait_until(lambda: shop.order(second_id)["state"] == "waiting", "the new order waits")
    assert shop.order(second_id)["stages"]["POEM"]["error"]["code"] == "rejected"

    # A good key is saved: the order finishes by itself.
    admin.save_section(POEM, OPENAI, api_key=SECOND_KEY, model="gpt-5.4")
    wait_until(partial(shop.is_done, second_id), "the order goes on")
    assert "Анна" in shop.order(second_id)["stages"]["POEM"]["text"]
    assert [(charge.key, charge.model) for charge in emulator.ledger] == [("first", "gpt-5.4"), ("second", "gpt-5.4")]
    for key in (FIRST_KEY, SECOND_KEY):
        assert key not in system.output()


def test_orders_placed_while_redis_is_away_are_made_when_it_is_back(system: RunningSystem) -> None:
    admin, shop = system.browser(), system.api()
    admin.save_section(POEM, DUMMY)
    admin.post("/admin/providers/VOICE/clear", "/admin/providers")
    wait_until(partial(shop.is_ready, POEM), "the section works")
    assert not shop.stage(VOICE)["ready"]

    system.redis.kill()
    placed = shop.place(POEM)
    section_saved = admin.save_section(VOICE, DUMMY)
    system.redis.start()

    assert placed.status_code == 202
    assert section_saved.status_code == 303
    wait_until(partial(shop.is_done, placed.json()["id"]), "the order is made", 120)
    wait_until(partial(shop.is_ready, VOICE), "the section is checked")


def test_a_change_counts_for_a_worker_that_runs_already(system: RunningSystem) -> None:
    admin, shop = system.browser(), system.api()
    made = []
    for model in ("dummy-verse", "dummy-haiku"):
        admin.save_section(POEM, DUMMY, model=model)
        wait_until(partial(_is_in_use, shop, model), f"{model} is in use")
        order_id = shop.place(POEM).json()["id"]
        wait_until(partial(shop.is_done, order_id), "the poem")
        made.append(shop.order(order_id)["stages"]["POEM"]["model"])

    assert made == ["dummy-verse", "dummy-haiku"]


def test_a_beat_shows_that_it_is_there(system: RunningSystem, own_database_url: str) -> None:
    engine = create_engine(own_database_url)

    def is_seen() -> bool:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM heartbeats WHERE name = 'beat'")) == 1

    wait_until(is_seen, "beat has written its row")
    engine.dispose()


@pytest.mark.thorough  # the storm of faults has two of each in every run
def test_two_beats_and_two_workers_refresh_a_stale_section_once(
    system: RunningSystem, emulator: Emulator, own_database_url: str
) -> None:
    others = {f"second {name}": name for name in ("worker", "beat")}
    for other, name in others.items():
        system._commands[other] = system._commands[name]
        system.start_process(other)
    try:
        wait_until(lambda: "ready" in (system.folder / "second worker.log").read_text(), "the second worker listens")

        routes = questions_for_a_stale_list(system.browser(), system.api(), emulator, own_database_url, SECOND_KEY)

        assert routes == ONE_CHECK
    finally:
        for other in others:
            system.kill(other)


def _is_in_use(shop: Api, model: str) -> bool:
    return bool(shop.stage(POEM)["model"] == model)
