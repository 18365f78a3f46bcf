"""The only way by which any generator learns its provider, key and model."""

from dataclasses import dataclass, field

from sqlalchemy import bindparam, select

from domain.db import db
from domain.provider_configs.models import PASSING_REASONS, ProviderConfig, Reason, Status, live_place
from domain.secrets import api_keys
from domain.secrets.context import current_vault
from domain.secrets.vault import Unreadable
from providers.kinds import ALLOWED_PROVIDERS, ProviderKind, StageType, allowed_providers
from providers.registry import has_adapter, needs_key
from settings import current_settings


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """What serves a stage now. ``model`` is empty only for a key from the environment: take the first listed.

    ``version`` is that of the section, 0 for the environment. ``is_probe``: the section is blocked, and the stage that
    asked is the one that may try it all the same (``domain.provider_configs.probes``).
    """

    provider_kind: ProviderKind
    api_key: str = field(repr=False)
    model: str
    version: int
    is_probe: bool = False


class SectionBlocked(Exception):
    """No generation of this stage type can run now; ``reason`` says why."""

    def __init__(self, stage_type: StageType, reason: Reason) -> None:
        super().__init__(f"{stage_type}: {reason}")
        self.stage_type = stage_type
        self.reason = reason


def get_provider_config(stage_type: StageType, *, stage_id: int | None = None) -> ResolvedConfig:
    """Read the database, each time: a saved change counts from the next call on, in every process.

    ``stage_id`` is the stage that is to be made, where there is one: it may be the probe of a blocked section.
    Raises ``SectionBlocked``. Commits nothing. A key that cannot be opened blocks the stage; it is never replaced
    by the environment's, which would bill another account unseen.
    """
    row = db.session.scalar(_SECTION, {"of_type": stage_type})
    if row is None:
        return _from_environment(stage_type)
    reason = why_blocked(row)
    is_probe = row.is_refused and stage_id is not None and row.probe_stage_id == stage_id
    if reason is not None and not (is_probe and reason is row.reason):
        raise SectionBlocked(stage_type, reason)
    assert row.provider_kind is not None  # noqa: S101  # why_blocked has looked; this tells the type checker
    return ResolvedConfig(row.provider_kind, open_live_key(row), row.model or "", row.version, is_probe)


def why_blocked(row: ProviderConfig) -> Reason | None:
    """Why the live setting of ``row`` cannot serve, from what is stored; None when it can.

    Whether its key can be opened is tried each time: it takes microseconds, and once the right ``ADMIN_SECRET_KEY`` is
    back, nothing that was found out without it has to be forgotten.
    """
    kind = row.provider_kind
    if kind is None:
        return Reason.NOT_CONFIGURED
    if kind not in allowed_providers(row.stage_type, dummy=current_settings().dummy_provider) or not has_adapter(kind):
        return Reason.PROVIDER_OFF
    if row.status is Status.UNKNOWN:
        return Reason.CHECKING
    if row.status is Status.INVALID and (row.reason not in PASSING_REASONS or not row.has_live):
        return row.reason or Reason.UNAVAILABLE
    if not row.model:
        return row.reason or Reason.NOT_CONFIGURED
    return None if _can_be_opened(row) else Reason.UNREADABLE


def open_live_key(row: ProviderConfig) -> str:
    """The live key in clear. Raises ``SectionBlocked`` with ``unreadable``."""
    if row.provider_kind is None or row.api_key_encrypted is None:
        return ""
    try:
        return current_vault().open(row.api_key_encrypted, live_place(row.stage_type, row.provider_kind))
    except Unreadable:
        raise SectionBlocked(row.stage_type, Reason.UNREADABLE) from None


def _can_be_opened(row: ProviderConfig) -> bool:
    try:
        open_live_key(row)
    except SectionBlocked:
        return False
    return True


def environment_provider(stage_type: StageType) -> ProviderKind | None:
    """The provider for which the environment holds a key that serves ``stage_type``; the first of the matrix wins."""
    settings = current_settings()
    for kind in ALLOWED_PROVIDERS[stage_type]:
        if needs_key(kind) and has_adapter(kind) and settings.fallback_key(kind):
            return kind
    return None


def _from_environment(stage_type: StageType) -> ResolvedConfig:
    kind = environment_provider(stage_type)
    if kind is None:
        raise SectionBlocked(stage_type, Reason.NOT_CONFIGURED)
    try:
        return ResolvedConfig(kind, api_keys.clean(current_settings().fallback_key(kind)), "", 0)
    except api_keys.InvalidKey:
        raise SectionBlocked(stage_type, Reason.REJECTED) from None


_SECTION = (
    select(ProviderConfig)
    .where(ProviderConfig.stage_type == bindparam("of_type"))
    .execution_options(populate_existing=True)
)
