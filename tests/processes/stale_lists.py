"""A section's list of models that is a day old, and who fetches it anew."""

from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import NullPool, create_engine, select, text

from domain.heartbeats import Heartbeat
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.http_session import Api, Browser
from tests.running_system import wait_until

POEM, OPENAI = StageType.POEM, ProviderKind.OPENAI
REFRESH_TASK = "tasks.config.refresh_stale_models"
#: A question about the key, and one for its list.
ONE_CHECK = ["models", "models"]


def make_list_old(database_url: str) -> None:
    """Let 25 hours pass for the lists of models."""
    engine = create_engine(database_url)
    then = datetime.now(UTC) - timedelta(hours=25)
    moment = then.replace(tzinfo=None).isoformat(sep=" ") if engine.dialect.name == "sqlite" else then
    with engine.begin() as connection:
        connection.execute(text("UPDATE provider_configs SET models_cache_updated_at = :then"), {"then": moment})
    engine.dispose()


def questions_for_a_stale_list(
    admin: Browser, shop: Api, emulator: Emulator, database_url: str, api_key: str
) -> list[str]:
    """Let the list of POEM's models grow old once; returns what OPENAI was asked within four more ticks."""
    admin.save_section(POEM, OPENAI, api_key=api_key)
    wait_until(partial(shop.is_ready, POEM), "POEM works")
    wait_until(lambda: "data-live" not in admin.get("/admin/providers/POEM").text, "its check has ended")
    asked = len(emulator.requests)

    make_list_old(database_url)

    wait_until(lambda: len(emulator.requests) >= asked + 2, "the key is checked and its list fetched")
    ticked_at = wait_until(partial(_latest_tick, database_url), "a tick")
    four_more = ticked_at + timedelta(seconds=4)
    wait_until(lambda: (_latest_tick(database_url) or ticked_at) > four_more, "four more ticks")
    return [call.route for call in emulator.requests[asked:] if call.provider is OPENAI]


def _latest_tick(database_url: str) -> datetime | None:
    """When the latest refresh was claimed."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return connection.scalar(select(Heartbeat.seen_at).where(Heartbeat.name == REFRESH_TASK))
