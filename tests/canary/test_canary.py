"""Marked secrets, everything that can go wrong, and then no mark anywhere but where it was sent on purpose."""

import os
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from domain.accounts.api_tokens import TOKEN_PREFIX
from providers.kinds import ProviderKind, StageType
from tests.canary.house import SERVES, House
from tests.canary.plants import MARK, Plants
from tests.canary.redis_witness import RedisWitness
from tests.canary.search import Search
from tests.emulator.listener import Listener
from tests.emulator.server import Emulator
from tests.http_session import Api
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, wait_until

pytestmark = pytest.mark.processes

POEM, VOICE, SONG, CLIP = StageType
OPENAI, GEMINI = ProviderKind.OPENAI, ProviderKind.GEMINI
OWN_POEM = "Море шумит, и Анна поёт."
COMMANDS = (
    "providers list --json",
    "providers history SONG --json",
    "orders list --json",
    "orders show 1 --json",
    "admin list",
    "alerts test",
    "alerts test --json",
    "api-token list",
)
#: Commands to which the mistyped key is typed.
TYPED_TO = ("providers set POEM OPENAI", "admin set-password nobody")
BRIEF = {"recipient": "Анна", "occasion": "60 лет"}


# PostgreSQL keeps logs of its own besides.
@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.thorough),
        pytest.param("postgresql", marks=pytest.mark.postgresql),
    ]
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, postgres: LocalPostgres) -> str:
    return f"sqlite:///{tmp_path / 'quatrain.db'}" if request.param == "sqlite" else postgres.new_database()


@pytest.fixture
def plants() -> Plants:
    return Plants()


@pytest.fixture
def emulator(plants: Plants) -> Iterator[Emulator]:
    with Emulator() as running:
        for kind, room in running.rooms.items():
            room.add_key("canary", plants.keys[kind])
        yield running


@pytest.fixture
def webhook() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture
def house(
    tmp_path: Path, database_url: str, emulator: Emulator, plants: Plants, webhook: Listener
) -> Iterator[tuple[House, RedisWitness]]:
    env = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    env |= plants.environment(webhook.url.rpartition("/callbacks")[0])
    env |= {"LOG_LEVEL": "DEBUG", "POLL_INTERVAL_SECONDS": "1", "ALERTS_INTERVAL_SECONDS": "1"}
    with RunningSystem(tmp_path, database_url, env) as system, RedisWitness(system.redis.url) as witness:
        yield House(system, emulator, plants, Search(MARK)), witness


def use_every_provider(house: House) -> None:
    """Keys that work, and one order of four works; the environment's key is used first, then taken over."""
    wait_until(partial(house.shop.is_ready, POEM), "the environment's key serves")
    poem = house.shop.place(POEM).json()["id"]
    wait_until(partial(house.shop.is_done, poem), "a poem by the environment's key")
    house.admin.post("/admin/providers/POEM/import-env", "/admin/providers")
    house.wait_for_check(POEM)
    for stage_type, kind in SERVES.items():
        house.save(stage_type, house.plants.keys[kind])
    order = house.shop.place(*StageType).json()["id"]
    wait_until(
        lambda: [house.shop.order(order)["stages"][each]["state"] for each in (SONG, CLIP)] == ["submitted"] * 2,
        "song and clip are handed over",
    )
    house.do("UPDATE stages SET due_at = '2000-01-01' WHERE state = 'submitted'")
    wait_until(partial(house.shop.is_done, order), "four works")


def let_providers_repeat_the_key(house: House) -> None:
    """Refusals of several kinds, and lists, that quote the key wherever a vendor could."""
    # The last two are asked about four times each, so side by side.
    for statuses in ((401,) * 4, (403,) * 4, (429, 500, 429, 500)):
        for kind, status in zip(SERVES.values(), statuses, strict=True):
            key = house.plants.keys[kind]
            fields = dict.fromkeys(("code", "type", "status", "param", "reason", "msg"), key)
            body = {"error": {"message": f"no: {key}", **fields}, "message": key, "error_message": key, **fields}
            headers = {"x-request-id": key, "x-error": key, "WWW-Authenticate": f'Bearer realm="{key}"'}
            house.emulator.rooms[kind].fail(status=status, body=body, headers=headers, times=None)
        house.check(*StageType)
        for kind in SERVES.values():
            house.emulator.rooms[kind].clear_faults()
    key = house.plants.keys[OPENAI]
    models = {"object": "list", "data": [{"id": name, "object": "model", "created": 1} for name in ("gpt-5.4", key)]}
    house.emulator.openai.fail("models", status=200, body=models, times=2)
    house.check(*StageType)


def let_calls_for_orders_fail(house: House) -> None:
    """A key that is revoked under an order, answers that never come, and a worker that is killed meanwhile."""
    key = house.plants.keys[OPENAI]
    house.emulator.openai.fail("chat", status=401, body={"error": {"message": key, "code": key}})
    refused = house.shop.place(POEM).json()["id"]
    # The check would meet the refusal in its place, and the section be blocked for longer.
    wait_until(lambda: house.shop.order(refused)["state"] == "waiting", "a poem is refused")
    house.check(POEM)
    said = {"choices": [{"message": {"content": f"Море\n{key}"}, "finish_reason": "stop"}], "model": key, "id": key}
    house.emulator.openai.fail("chat", status=200, body=said)
    order = house.shop.place(POEM).json()["id"]
    wait_until(lambda: house.shop.order(order)["state"] in ("done", "failed"), "a poem that quotes the key")
    house.emulator.openai.fail("chat", cut=True)
    house.emulator.openai.fail("chat", delay=30)
    for _ in range(2):
        house.shop.place(POEM)
    charged = len(house.emulator.ledger)
    house.shop.place(SONG, poem=OWN_POEM)
    wait_until(lambda: len(house.emulator.ledger) > charged, "a song is ordered")
    house.system.kill("worker")
    house.system.start_process("worker")


def let_people_err(house: House) -> None:
    """Keys in the wrong fields, in addresses, in bodies of a wrong kind; and crashes of pages and of commands."""
    typed, admin = house.plants.mistyped, house.admin
    for wrong in (typed + "\x00", typed + " two", f"“{typed}”", typed * 20, typed + "ключ"):
        admin.save_section(POEM, OPENAI, api_key=wrong)
    admin.save_section(POEM, OPENAI, api_key=typed, model=typed)
    admin.save_section(POEM, OPENAI, model=f"sk-{typed}")
    house.save(POEM, typed)
    for page in (
        f"/admin/providers?api_key={typed}",
        f"/admin/orders?state={typed}",
        f"/{typed}",
        f"/api/v1/orders/{typed}",
    ):
        admin.get(page)
    admin.post("/admin/login", "/admin/orders/new", username=typed, password=typed)
    for sent in ({"data": {"api_key": typed}}, {"json": {"api_key": typed}}, {"files": {"api_key": typed.encode()}}):
        admin.send("/admin/providers/update", **sent)
    stranger = Api(house.system.url, typed, on_answer=house.search.look_at_answer)
    stranger.get("/api/v1/stages")
    house.shop.send("/api/v1/orders", data=typed.encode())
    house.shop.send("/api/v1/orders", json={**BRIEF, "stages": ["POEM"], "api_key": typed})
    house.do("UPDATE provider_configs SET models_cache = '17'")
    crashed = [admin.get("/admin/providers").status_code, house.shop.get("/api/v1/stages").status_code]
    house.do("UPDATE provider_configs SET models_cache = '[]'")
    assert 500 in crashed


def search_everywhere(house: House, witness: RedisWitness, alerts: list[bytes], database_folder: Path | None) -> None:
    """Look for the mark in all that was written, sent or kept."""
    search, system = house.search, house.system
    for line, said in house.run(*TYPED_TO, *COMMANDS, typed=house.plants.mistyped).items():
        search.look("commands", line, said)
    house.visit_everything()
    for process in system._processes.values():
        search.look("arguments", str(process.args), Path(f"/proc/{process.pid}/cmdline").read_bytes())
    for body in alerts:
        search.look("alerts", "alert", body)
    for name, held in witness.keys().items():
        search.look("keys of Redis", name, name.encode() + held)
    search.look_at_commands(witness.commands)
    search.look_at_rows(system.database_url)
    if database_folder is not None:
        search.look_at_postgres(system.database_url, database_folder)
    # Logs, the file of SQLite with its log of writes, and media.
    search.look_at_folder("files", system.folder)


def test_no_secret_is_anywhere_though_everything_went_wrong(
    house: tuple[House, RedisWitness],
    webhook: Listener,
    postgres: LocalPostgres,
) -> None:
    it, witness = house
    use_every_provider(it)
    let_providers_repeat_the_key(it)
    let_calls_for_orders_fail(it)
    let_people_err(it)
    # To the webhook, and by Apprise.
    alerts = [webhook.next().body for _ in range(2)]

    is_postgres = it.system.database_url.startswith("postgresql")
    search_everywhere(it, witness, alerts, postgres.folder / "data" if is_postgres else None)

    searched = it.search.searched
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(searched.items()))
    print(f"searched: {counts}; found: {len(it.search.found)}")  # noqa: T201  # -rP shows it, for docs/security.md
    assert it.search.found == []
    # A search that looks at nothing finds nothing.
    at_least = {"answers": 150, "files": 6, "tables": 10, "commands": 6, "keys of Redis": 1, "commands to Redis": 100}
    too_few = {kind: searched[kind] for kind, least in at_least.items() if searched[kind] < least}
    assert too_few == {}
    assert "process crashed" not in it.system.output()
    assert TOKEN_PREFIX not in it.system.output()


@pytest.mark.parametrize("spelling", ["plain", "base64", "address"])
def test_the_search_finds_what_is_there(spelling: str, tmp_path: Path) -> None:
    secret = Plants().mistyped
    written = {"plain": secret, "base64": b64encode(f"api:{secret}".encode()).decode(), "address": quote(secret, "")}
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.bin").write_bytes(os.urandom(1000) + written[spelling].encode() + os.urandom(1000))
    search = Search(MARK)

    search.look_at_folder("files", tmp_path)

    assert len(search.found) == 1
