"""Keys that list and may not generate, at all six vendors: who is told what, and when."""

import json
import logging
import time
from collections.abc import Iterator
from functools import partial

import pytest

from providers.kinds import ProviderKind, StageType
from tests.emulated_sections import OWN_POEM, PAID_ROUTES
from tests.emulator.jobs import JobRoom
from tests.emulator.listener import Listener
from tests.emulator.server import Emulator
from tests.http_session import Api
from tests.processes.passing_time import no_waiting_for_jobs
from tests.running_system import RunningSystem, wait_until

# The rules behind it run in every run (tests/domain/provider_configs/test_probes.py).
pytestmark = [pytest.mark.processes, pytest.mark.thorough]

log = logging.getLogger(__name__)

POEM, VOICE, SONG, CLIP = StageType
#: How each vendor refuses the call that would make a work, and at most of them no other.
REFUSALS = [
    (POEM, ProviderKind.OPENAI, "insufficient_quota", "no_credit"),
    (POEM, ProviderKind.OPENAI, "may_not_generate", "no_permission"),
    (POEM, ProviderKind.GEMINI, "prepaid_402", "no_credit"),
    (POEM, ProviderKind.YANDEX_GPT, "denied", "no_permission"),
    (VOICE, ProviderKind.SPEECHKIT, "no_role", "no_permission"),
    (SONG, ProviderKind.SUNO, "no_credit", "no_credit"),
    (CLIP, ProviderKind.PIKA, "no_credit", "no_credit"),
]
ORDERS = 3


def key_of(kind: ProviderKind, name: str) -> str:
    return f"fake-{kind.lower().replace('_', '-')}-0123456789-{name}"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        for kind, room in running.rooms.items():
            for name in ("first", "second"):
                room.add_key(name, key_of(kind, name))
            if isinstance(room, JobRoom):
                room.job_seconds = 0
        yield running


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Where alerts arrive."""
    with Listener() as opened:
        yield opened


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator, listener: Listener) -> Iterator[RunningSystem]:
    """One for the module: a start costs seconds."""
    folder = tmp_path_factory.mktemp("system")
    urls = {f"{kind}_BASE_URL": emulator.base_url(kind) for kind in emulator.rooms}
    env = {**urls, "POLL_INTERVAL_SECONDS": "1", "ALERT_WEBHOOK_URL": listener.url}
    with RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env) as it:
        yield it


def serves(shop: Api, stage_type: StageType, kind: ProviderKind) -> bool:
    stage = shop.stage(stage_type)
    return bool(stage["ready"]) and stage["provider_kind"] == kind


def is_blocked(shop: Api, stage_type: StageType, reason: str) -> bool:
    stage = shop.stage(stage_type)
    return not stage["ready"] and stage["reason"] == reason


def refused_at(emulator: Emulator, stage_type: StageType, before: int) -> float:
    """When the vendor was first asked for a work, which it refused."""
    asked = (call.at for call in emulator.requests[before:] if call.route in PAID_ROUTES[stage_type] + ("generate",))
    return wait_until(lambda: next(asked, None), "an order was refused")


def is_done(system: RunningSystem, shop: Api, order: int) -> bool:
    no_waiting_for_jobs(system)
    return shop.is_done(order)


def sections_json(system: RunningSystem) -> dict[str, dict[str, object]]:
    return {each["stage_type"]: each for each in json.loads(system.command("flask --app wsgi providers list --json"))}


def next_alert(listener: Listener, stage_type: StageType, known: object = None) -> dict[str, object]:
    """The next one about the section; those about anything else are passed over, and a ``known`` one that comes again.

    One whose receiver took longer to answer than it may, as on a busy machine, is sent once more.
    """
    while True:
        alert: dict[str, object] = json.loads(listener.next().body)
        if alert["stage_type"] == stage_type and alert["event"] == "blocked" and alert["id"] != known:
            return alert


@pytest.mark.parametrize(("stage_type", "kind", "scenario", "reason"), REFUSALS)
def test_a_key_that_may_no_longer_generate_is_told_of_everywhere_until_a_good_one_ends_it(
    system: RunningSystem,
    emulator: Emulator,
    listener: Listener,
    stage_type: StageType,
    kind: ProviderKind,
    scenario: str,
    reason: str,
) -> None:
    admin, shop = system.browser(), system.api()
    room = emulator.rooms[kind]
    admin.post(f"/admin/providers/{stage_type}/clear", "/admin/providers")
    admin.save_section(stage_type, kind, api_key=key_of(kind, "first"))
    wait_until(partial(serves, shop, stage_type, kind), f"{kind} serves {stage_type}")
    poor, before = room.keys[key_of(kind, "first")], len(emulator.requests)
    poor.scenario = scenario

    brief = {} if stage_type is POEM else {"poem": OWN_POEM}
    orders = [shop.place(stage_type, **brief).json()["id"] for _ in range(ORDERS)]
    wait_until(partial(is_blocked, shop, stage_type, reason), "the shop is told")
    blocked_at = time.time()
    refused = refused_at(emulator, stage_type, before)
    told = next_alert(listener, stage_type)
    alerted_at = time.time()
    assert (told["over"], told["reason"]) == (False, reason)

    # The list still comes, which says nothing of the refusal.
    checked = sections_json(system)[stage_type]["checked_at"]
    system.command("flask --app wsgi providers refresh")
    wait_until(lambda: sections_json(system)[stage_type]["checked_at"] != checked, "the list was fetched")
    assert is_blocked(shop, stage_type, reason)
    assert {shop.order(order)["stages"][stage_type]["state"] for order in orders} == {"waiting"}
    assert {shop.order(order)["state"] for order in orders} == {"waiting"}
    stuck = system.command("flask --app wsgi orders list --stuck --json")
    assert {each["order_id"] for each in json.loads(stuck)} >= set(orders)

    admin.save_section(stage_type, kind, api_key=key_of(kind, "second"))
    saved_at = time.time()
    for order in orders:
        wait_until(partial(is_done, system, shop, order), f"order {order} is done")
    done_at = time.time()
    over = next_alert(listener, stage_type, known=told["id"])
    assert over["over"]
    poor.scenario = None
    log.info(
        "%s %s: s from the refusal to not ready %.1f, to the alert %.1f; from the good key to the last order %.1f",
        kind,
        scenario,
        blocked_at - refused,
        alerted_at - refused,
        done_at - saved_at,
    )
