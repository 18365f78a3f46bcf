"""Lists of models: which are believed, what is marked in them, and what is said of the chosen model."""

from datetime import date, timedelta

import pytest

from domain.db import db, utc_now
from domain.provider_configs import model_lists
from domain.provider_configs.changes import clear_section
from domain.provider_configs.checks import check, due_checks
from domain.provider_configs.history import page_of
from domain.provider_configs.models import ProviderConfig, Reason, Status
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.checks.openai_section import KEY, OPENAI, OTHER_KEY, POEM, working_openai
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

HOUR = timedelta(hours=1)
TWELVE = tuple(f"gpt-5.{number}" for number in range(12))


def offers(emulator: Emulator, *models: str, ends: dict[str, str] | None = None) -> None:
    """From now on the provider lists these, the first as the newest."""
    emulator.openai.catalogue = tuple(
        Model(model, 1772600000 - number, shutdown_date=(ends or {}).get(model)) for number, model in enumerate(models)
    )


def checked(clock: StoppedClock, after: timedelta = timedelta(0)) -> ProviderConfig:
    clock.shift(after)
    check(POEM)
    return section()


def events() -> list[str]:
    return [entry.event for entry in page_of(POEM, 50)]


def test_a_list_that_shrinks_to_less_than_half_is_believed_only_from_a_second_answer_an_hour_later(
    emulator: Emulator, clock: StoppedClock
) -> None:
    offers(emulator, *TWELVE)
    working_openai()
    offers(emulator, *TWELVE[:5])

    row = checked(clock)
    assert (row.status, tuple(row.models_cache), row.models_doubted) == (Status.ACTIVE, TWELVE, list(TWELVE[:5]))
    assert tuple(checked(clock, HOUR / 2).models_cache) == TWELVE
    assert due_checks(utc_now() + HOUR, timedelta(0)) == [POEM]

    row = checked(clock, HOUR)
    assert (tuple(row.models_cache), row.models_doubted, row.models_doubted_since) == (TWELVE[:5], [], None)
    assert events().count("list_doubted") == 1


def test_a_list_that_was_odd_once_is_forgotten_with_the_next_good_one(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, *TWELVE)
    working_openai()
    offers(emulator)
    assert tuple(checked(clock).models_cache) == TWELVE
    offers(emulator, *TWELVE)

    row = checked(clock, HOUR)

    assert (tuple(row.models_cache), row.models_doubted_since) == (TWELVE, None)
    offers(emulator)
    assert tuple(checked(clock, 2 * HOUR).models_cache) == TWELVE


def test_a_small_list_may_shrink_at_once(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, *TWELVE[:4])
    working_openai()
    offers(emulator, TWELVE[0])

    assert tuple(checked(clock).models_cache) == TWELVE[:1]


def test_the_list_of_another_key_is_believed_whatever_the_first_one_saw(
    emulator: Emulator, clock: StoppedClock
) -> None:
    offers(emulator, *TWELVE)
    working_openai()
    offers(emulator, "gpt-5.0", "gpt-5.99")
    save_section(POEM, OPENAI, api_key=OTHER_KEY)

    row = checked(clock)

    assert (row.api_key_last4, row.models_cache, row.models_added) == ("c3d4", ["gpt-5.0", "gpt-5.99"], {})


def test_new_models_are_marked_for_a_week_and_those_of_a_first_list_never(
    emulator: Emulator, clock: StoppedClock
) -> None:
    offers(emulator, "gpt-5.1")
    working_openai()
    assert not model_lists.is_new(section(), "gpt-5.1", utc_now())
    offers(emulator, "gpt-6", "gpt-5.1")

    row = checked(clock)
    assert model_lists.is_new(row, "gpt-6", utc_now())
    assert not model_lists.is_new(row, "gpt-5.1", utc_now())

    row = checked(clock, timedelta(days=6))
    assert model_lists.is_new(row, "gpt-6", utc_now())
    assert not model_lists.is_new(row, "gpt-6", utc_now() + timedelta(days=2))
    assert checked(clock, timedelta(days=2)).models_added == {}


def test_a_chosen_model_that_is_missing_once_and_comes_back_alarms_nobody(
    emulator: Emulator, clock: StoppedClock
) -> None:
    offers(emulator, "gpt-5.1", "gpt-5.2")
    working_openai()
    offers(emulator, "gpt-5.2")

    row = checked(clock)
    assert (row.model, row.status, row.model_gone_at) == ("gpt-5.1", Status.ACTIVE, None)
    assert row.model_missing_since == utc_now()
    assert row.next_check_at == utc_now() + HOUR
    offers(emulator, "gpt-5.1", "gpt-5.2")

    row = checked(clock, HOUR)
    assert (row.model_missing_since, row.model_gone_at) == (None, None)
    assert "model_gone" not in events()


def test_a_chosen_model_that_two_lists_miss_is_gone_and_stays_chosen(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, "gpt-5.1", "gpt-5.2")
    working_openai()
    offers(emulator, "gpt-5.2", "gpt-6-mini")
    checked(clock)
    assert checked(clock, HOUR / 2).model_gone_at is None

    row = checked(clock, HOUR / 2)

    assert (row.model, row.model_gone_at) == ("gpt-5.1", utc_now())
    assert page_of(POEM, 1)[0].facts == {"model": "gpt-5.1", "close": "gpt-5.2"}
    offers(emulator, "gpt-5.1", "gpt-5.2")
    assert checked(clock, HOUR).model_gone_at is None
    assert "model_back" in events()


def test_a_model_that_was_gone_is_not_back_because_another_key_came(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, "gpt-5.1", "gpt-5.2")
    working_openai()
    offers(emulator, "gpt-5.2")
    checked(clock)
    assert checked(clock, HOUR).model_gone_at is not None

    save_section(POEM, OPENAI, api_key=OTHER_KEY, model="gpt-5.2")
    row = checked(clock)

    assert (row.model, row.model_gone_at) == ("gpt-5.2", None)
    assert "model_back" not in events()


def test_what_was_known_of_a_list_is_forgotten_with_its_key(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, *TWELVE)
    working_openai()
    offers(emulator, *TWELVE[1:3])
    assert checked(clock).models_doubted_since is not None

    clear_section(POEM, "admin")

    assert (section().models_doubted, section().models_doubted_since) == ([], None)


def test_another_spelling_of_the_chosen_model_is_the_same_model(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, "gpt-5.1", "gpt-5.2")
    working_openai()
    section().model = "models/GPT-5.1"
    db.session.commit()

    row = checked(clock)

    assert (row.model, row.model_missing_since) == ("models/GPT-5.1", None)


def test_a_list_in_other_letters_changes_nothing(emulator: Emulator, clock: StoppedClock) -> None:
    offers(emulator, "gpt-5.1", "gpt-5.2")
    working_openai()
    offers(emulator, "GPT-5.1", "gpt-5.2")

    row = checked(clock)

    assert (row.model, row.model_missing_since, row.models_added) == ("gpt-5.1", None, {})
    assert "models_changed" not in events()


def test_the_day_on_which_a_model_ends_is_kept(emulator: Emulator, clock: StoppedClock) -> None:
    day = (utc_now() + timedelta(days=20)).date()
    offers(emulator, "gpt-5.1", "gpt-5.2", ends={"gpt-5.1": day.isoformat()})
    working_openai()

    assert model_lists.retires_on(section(), "gpt-5.1") == day
    assert model_lists.retires_on(section(), "gpt-5.2") is None


def test_a_list_that_cannot_be_fetched_says_nothing_of_the_key(emulator: Emulator, clock: StoppedClock) -> None:
    emulator.pika.add_key("clip", KEY, credit=10**9)
    save_section(StageType.CLIP, ProviderKind.PIKA, api_key=KEY)
    check(StageType.CLIP)
    models = section(StageType.CLIP).models_cache
    emulator.pika.fail("catalogue", status=503, times=None)
    clock.shift(HOUR)

    check(StageType.CLIP)

    row = section(StageType.CLIP)
    assert (row.status, row.reason, row.checked_at) == (Status.ACTIVE, None, utc_now())
    assert (row.models_reason, row.models_cache) == (Reason.UNAVAILABLE, models)
    assert row.models_cache_updated_at == utc_now() - HOUR
    emulator.pika.clear_faults()
    check(StageType.CLIP)
    assert section(StageType.CLIP).models_reason is None


def test_a_key_that_was_accepted_is_not_asked_about_again_for_a_list_that_stumbles(emulator: Emulator) -> None:
    emulator.pika.add_key("clip", KEY, credit=10**9)
    save_section(StageType.CLIP, ProviderKind.PIKA, api_key=KEY)
    emulator.pika.fail("catalogue", status=503, times=2)
    check(StageType.CLIP)
    assert section(StageType.CLIP).status is Status.ACTIVE
    assert [call.route for call in emulator.requests] == ["catalogue", "catalogue", "catalogue", "balance"]
    emulator.pika.fail("catalogue", status=503, times=2)

    check(StageType.CLIP)

    assert [call.route for call in emulator.requests][4:] == ["balance", "catalogue", "catalogue", "catalogue"]


@pytest.mark.parametrize(
    ("model", "close"),
    [("gpt-5.1", ["gpt-5.12", "gpt-5.2"]), ("models/GPT-5.1", ["gpt-5.12", "gpt-5.2"]), ("голос", [])],
)
def test_the_closest_ids_are_named(model: str, close: list[str]) -> None:
    assert model_lists.close_to(model, ["gpt-5.2", "claude", "gpt-5.12"]) == close


def test_a_day_is_read_as_it_was_written() -> None:
    row = ProviderConfig(models_retiring={"gpt-5.1": "2027-01-31"})

    assert model_lists.retires_on(row, "gpt-5.1") == date(2027, 1, 31)
