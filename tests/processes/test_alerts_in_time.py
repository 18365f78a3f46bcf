"""From a trouble to the alert about it, through the processes with the times that they have by themselves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from providers.kinds import ProviderKind, StageType
from tests.emulator.listener import Listener
from tests.running_system import RunningSystem, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.thorough]

POEM = StageType.POEM
LATEST_SECONDS = 20


@pytest.fixture
def chat() -> Iterator[Listener]:
    """What Apprise posts to."""
    with Listener() as listener:
        yield listener


@pytest.fixture
def system(tmp_path: Path, chat: Listener) -> Iterator[RunningSystem]:
    """With one target that is well, and one where nobody listens."""
    urls = f"json://127.0.0.1:9/dead {chat.url.replace('http://', 'json://')}"
    env = {"ALERT_URLS": urls, "SWEEP_INTERVAL_SECONDS": "2"}
    with RunningSystem(tmp_path, f"sqlite:///{tmp_path / 'quatrain.db'}", env) as running:
        yield running


def next_about(chat: Listener, subject: str) -> str:
    """The next text about ``subject``; those about beat itself are not meant."""
    while True:
        said: dict[str, Any] = json.loads(chat.next().body)
        if said["message"].startswith(subject):
            return str(said["message"])


def test_an_alert_comes_within_twenty_seconds_once_with_beat_and_without(system: RunningSystem, chat: Listener) -> None:
    admin = system.browser()
    admin.save_section(POEM, ProviderKind.DUMMY)
    wait_until(lambda: system.api().is_ready(POEM), "the section works")
    engine = create_engine(system.database_url)

    def change(status: str, reason: str | None) -> float:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE provider_configs SET status = :status, reason = :reason, next_check_at = NULL"),
                {"status": status, "reason": reason},
            )
        return time.monotonic()

    began = change("invalid", "rejected")
    assert next_about(chat, "POEM").startswith("POEM: blocked (rejected) since ")
    assert time.monotonic() - began < LATEST_SECONDS

    system.kill("beat")
    began = change("active", None)
    assert next_about(chat, "POEM") == "POEM: works again"
    assert time.monotonic() - began < LATEST_SECONDS
    assert chat._heard.empty()
