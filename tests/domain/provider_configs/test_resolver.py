"""Which provider, key and model a generator is given, and when it is given none."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.provider_configs.changes import clear_section
from domain.provider_configs.models import ProviderConfig, Reason, Status, live_place
from domain.provider_configs.resolver import SectionBlocked, get_provider_config
from domain.secrets.context import current_vault
from domain.secrets.vault import Vault
from providers.kinds import ProviderKind, StageType
from tests.builders import working_section
from tests.database_kinds import on_one_database

pytestmark = on_one_database

POEM = StageType.POEM
KEY = "sk-fake-first-0123456789-a1b2"


def openai_section(**values: object) -> ProviderConfig:
    """A section that an OpenAI key serves."""
    sealed = current_vault().seal(KEY, live_place(POEM, ProviderKind.OPENAI))
    defaults: dict[str, object] = {
        "stage_type": POEM,
        "provider_kind": ProviderKind.OPENAI,
        "api_key_encrypted": sealed,
        "model": "gpt-x",
        "models_cache": ["gpt-x"],
        "status": Status.ACTIVE,
        "activated_at": utc_now(),
        "version": 3,
    }
    row = ProviderConfig(**{**defaults, **values})
    db.session.add(row)
    db.session.commit()
    return row


def blocked() -> Reason:
    with pytest.raises(SectionBlocked) as caught:
        get_provider_config(POEM)
    return caught.value.reason


def test_an_active_section_gives_its_provider_key_and_model() -> None:
    openai_section()

    config = get_provider_config(POEM)

    assert (config.provider_kind, config.api_key, config.model, config.version) == (
        ProviderKind.OPENAI,
        KEY,
        "gpt-x",
        3,
    )
    assert KEY not in repr(config)


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.RATE_LIMITED])
def test_a_provider_that_was_away_is_tried_all_the_same(reason: Reason) -> None:
    openai_section(status=Status.INVALID, reason=reason)

    assert get_provider_config(POEM).api_key == KEY


@pytest.mark.parametrize(
    "reason",
    [Reason.REJECTED, Reason.NO_PERMISSION, Reason.NO_CREDIT, Reason.REGION, Reason.UNREADABLE, Reason.MODEL_NOT_FOUND],
)
def test_a_section_that_was_refused_blocks_with_its_reason(reason: Reason) -> None:
    openai_section(status=Status.INVALID, reason=reason)

    assert blocked() is reason


def test_a_first_key_that_is_still_being_checked_blocks() -> None:
    openai_section(status=Status.UNKNOWN, activated_at=None)

    assert blocked() is Reason.CHECKING


def test_a_key_sealed_with_another_secret_blocks_and_is_not_replaced_by_the_environments(
    change_settings: Callable[..., None],
) -> None:
    change_settings(openai_api_key=SecretStr("sk-fake-environment-0123"))
    other = Vault("0123456789abcdef" * 4)
    openai_section(api_key_encrypted=other.seal(KEY, live_place(POEM, ProviderKind.OPENAI)))

    assert blocked() is Reason.UNREADABLE


def test_a_key_copied_from_another_stage_blocks() -> None:
    openai_section(api_key_encrypted=current_vault().seal(KEY, live_place(StageType.SONG, ProviderKind.OPENAI)))

    assert blocked() is Reason.UNREADABLE


def test_a_section_that_was_never_set_blocks() -> None:
    assert blocked() is Reason.NOT_CONFIGURED


def test_dummy_blocks_where_it_is_switched_off(change_settings: Callable[..., None]) -> None:
    working_section()
    change_settings(dummy_provider=False)

    assert blocked() is Reason.PROVIDER_OFF


def test_the_environments_key_serves_while_the_section_was_never_set(change_settings: Callable[..., None]) -> None:
    change_settings(openai_api_key=SecretStr(f'"{KEY}"\n'))

    config = get_provider_config(POEM)

    assert (config.provider_kind, config.api_key, config.model, config.version) == (ProviderKind.OPENAI, KEY, "", 0)


def test_a_row_of_its_own_ends_the_environments_service(change_settings: Callable[..., None]) -> None:
    change_settings(openai_api_key=SecretStr(KEY))
    working_section()
    clear_section(POEM, "admin")

    assert blocked() is Reason.NOT_CONFIGURED


def test_a_key_in_the_environment_that_cannot_be_a_key_blocks(change_settings: Callable[..., None]) -> None:
    change_settings(openai_api_key=SecretStr("sk fake with spaces"))

    assert blocked() is Reason.REJECTED


@pytest.mark.parametrize(
    ("reason", "why"), [(None, Reason.NOT_CONFIGURED), (Reason.MODEL_NOT_FOUND, Reason.MODEL_NOT_FOUND)]
)
def test_a_section_that_has_lost_its_model_serves_nobody(reason: Reason | None, why: Reason) -> None:
    openai_section(model=None, reason=reason)

    assert blocked() is why
