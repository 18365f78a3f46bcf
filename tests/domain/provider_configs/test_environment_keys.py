"""Taking a key of the environment over into its section."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from domain.provider_configs.changes import ChangeRefused, import_environment
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status, find
from domain.provider_configs.resolver import get_provider_config
from providers.kinds import ProviderKind, StageType
from tests.builders import section, working_section
from tests.database_kinds import on_one_database
from tests.emulator.server import Emulator

POEM = StageType.POEM
KEY = "sk-fake-environment-0123456789-a1b2"


@on_one_database
def test_it_is_sealed_checked_and_used_as_if_it_had_been_typed(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    emulator.openai.add_key("environment", KEY)
    change_settings(openai_api_key=SecretStr(f" {KEY}\n"))

    saved = import_environment(POEM, "command line")
    check(POEM)

    assert saved is not None
    assert saved.check_needed
    row = section()
    assert (row.provider_kind, row.status, row.updated_by) == (ProviderKind.OPENAI, Status.ACTIVE, "command line")
    assert KEY not in (row.api_key_encrypted or "")
    change_settings(openai_api_key=None)
    assert get_provider_config(POEM).api_key == KEY


def test_a_second_time_there_is_nothing_left_to_take_over(change_settings: Callable[..., None]) -> None:
    change_settings(openai_api_key=SecretStr(KEY))
    import_environment(POEM, "command line")
    version = section().version

    assert import_environment(POEM, "command line") is None
    assert section().version == version


@on_one_database
def test_a_section_that_was_set_is_left_alone(change_settings: Callable[..., None]) -> None:
    working_section()
    change_settings(openai_api_key=SecretStr(KEY))

    assert import_environment(POEM, "command line") is None
    assert section().provider_kind is ProviderKind.DUMMY


@on_one_database
def test_without_a_key_nothing_is_stored() -> None:
    assert import_environment(POEM, "command line") is None
    assert find(POEM) is None


@on_one_database
def test_what_cannot_be_a_key_is_refused(change_settings: Callable[..., None]) -> None:
    change_settings(openai_api_key=SecretStr("sk fake with spaces"))

    with pytest.raises(ChangeRefused):
        import_environment(POEM, "command line")
    assert find(POEM) is None
