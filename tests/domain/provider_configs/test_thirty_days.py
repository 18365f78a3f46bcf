"""Thirty days of a shop, with the clock moved: what the history tells in the end, and what anybody was alarmed by."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from domain.db import utc_now
from domain.monitoring import alerts
from domain.monitoring.alerts import sentence
from domain.provider_configs import checks, history
from domain.provider_configs.models import Status
from tests.builders import place_order, run, save_section, section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import KEY, OPENAI, OTHER_KEY, POEM, WRONG_KEY
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

BEGIN = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = 30 * 24


@dataclass
class Shop:
    """One section, its provider, and everything that was told meanwhile."""

    clock: StoppedClock
    provider: Emulator
    told: list[str] = field(default_factory=list)

    def pass_hours(self, hours: int) -> None:
        """What beat and workers do meanwhile: nothing happens between the moments at which something is planned."""
        ends_at = utc_now() + hours * HOUR
        while utc_now() < ends_at:
            planned = section().next_check_at or ends_at
            self.clock.move_to(max(min(planned, ends_at), utc_now() + timedelta(seconds=20)))
            due = {*checks.due_checks(utc_now(), timedelta(0))}
            if utc_now() >= ends_at:
                due |= {*checks.request_stale_refreshes(utc_now())}
            for stage_type in due:
                checks.check(stage_type)
            self.told += [sentence(alert) for alert in alerts.notice_sections(utc_now())]

    def quiet_hours(self) -> int:
        """The hours until something is planned: a check, or a refresh of the list."""
        row = section()
        if row.next_check_at is not None or row.models_cache_updated_at is None:
            return 1
        return max(1, math.ceil((row.models_cache_updated_at + 24 * HOUR - utc_now()) / HOUR))

    def offer(self, *models: str) -> None:
        """From now on the provider lists these, the first as the newest."""
        self.provider.openai.catalogue = tuple(
            Model(model, 1772600000 - place) for place, model in enumerate(dict.fromkeys(models))
        )


@pytest.fixture
def shop(emulator: Emulator, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop at eight in the morning of its first day."""
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
    for name, key in (("first", KEY), ("other", OTHER_KEY)):
        emulator.openai.add_key(name, key)
    clock.begin_anew(BEGIN)
    return Shop(clock, emulator)


def catalogue(day: int) -> list[str]:
    """What the provider offers on a day: a dozen models, of which the newest is another one each day."""
    lasting = [f"gpt-5.{number}" for number in range(12) if day < 22 or number != 1]
    return [f"gpt-6-day{day:02}", *lasting]


def save_and_check(key: str) -> None:
    save_section(POEM, OPENAI, api_key=key)
    checks.check(POEM)


def choose(model: str) -> None:
    save_section(POEM, OPENAI, model=model)


def revoke(shop: Shop) -> None:
    """The provider no longer takes the key; the next order finds out."""
    shop.provider.openai.remove_key(KEY)
    run(place_order())


def go_away(shop: Shop) -> None:
    shop.provider.openai.fail("*", status=503, times=None)


def come_back(shop: Shop) -> None:
    shop.provider.openai.clear_faults()


#: What happens besides, by the hour of the month.
EVENTS: dict[int, Callable[[Shop], None]] = {
    5 * 24 - 2: go_away,
    5 * 24 + 5: come_back,
    12 * 24: go_away,
    12 * 24 + 50: come_back,
    18 * 24 + 3: revoke,
    18 * 24 + 8: lambda _shop: save_and_check(WRONG_KEY),
    18 * 24 + 9: lambda _shop: save_and_check(OTHER_KEY),
    23 * 24 + 4: lambda _shop: choose("gpt-5.2"),
    # A bad hour of the provider's: it lists one model, just as it is asked.
    27 * 24 + 9: lambda shop: shop.offer("gpt-5.2"),
    27 * 24 + 10: lambda shop: shop.offer(*catalogue(26)),
}


@pytest.mark.thorough
@on_one_database
def test_thirty_days_read_as_a_person_would_tell_them(shop: Shop) -> None:
    shop.offer(*catalogue(0))
    save_section(POEM, OPENAI, api_key=KEY, model="gpt-5.1")
    checks.check(POEM)

    hour = 0
    while hour < MONTH:
        if hour % 24 == 0:
            shop.offer(*catalogue(hour // 24))
        if hour in EVENTS:
            EVENTS[hour](shop)
        until = min(each for each in (*EVENTS, (hour // 24 + 1) * 24) if each > hour)
        hours = min(shop.quiet_hours(), until - hour)
        shop.pass_hours(hours)
        hour += hours

    assert shop.told == [
        "POEM: the list of models is older than 48 hours since 14 Nov 14:00 UTC",
        "POEM: the list of models is fresh again",
        "POEM: blocked (rejected) since 19 Nov 11:00 UTC, 1 waits",
        "POEM: works again",
        "POEM: the model gpt-5.1 is gone from the provider's list since 23 Nov 17:00 UTC",
        "POEM: the chosen model is in the list again, or another one was chosen",
    ]
    row = section()
    assert (row.status, row.model, row.api_key_last4) == (Status.ACTIVE, "gpt-5.2", OTHER_KEY[-4:])
    # Each day brings another model: where there is nothing else to tell, the list has changed, or a check just passed.
    usual = {"check models_changed", "check check_passed"}
    assert [line for line in _story() if line not in usual] == [
        "admin settings_saved",
        "check section_invalid unavailable",
        "check section_recovered",
        "check section_invalid unavailable",
        "check section_recovered",
        "generation section_invalid rejected",
        "check section_invalid rejected",
        "admin candidate_saved",
        "check candidate_refused rejected",
        "check section_invalid rejected",
        "admin candidate_saved",
        "check candidate_promoted",
        "check model_missing",
        "check model_gone",
        "admin model_changed",
        "check list_doubted",
    ]
    assert 20 <= _story().count("check models_changed") <= 30


def _story() -> list[str]:
    """The history, oldest first: who, what, and why."""
    entries = reversed(history.page_of(POEM, 500))
    return [" ".join(filter(None, (entry.actor, entry.event, entry.facts.get("reason")))) for entry in entries]
