"""A stage that a worker has taken, prepared for its one call to a provider."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, insert, update
from sqlalchemy.exc import DBAPIError

from domain import quotas
from domain.db import Base, db, utc_now
from domain.generation import own_words, prompts, retries
from domain.orders import stages, works
from domain.orders.leases import Lease
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageReason, StageState
from domain.provider_configs.resolver import ResolvedConfig, SectionBlocked, get_provider_config
from domain.secrets.context import current_vault
from domain.secrets.vault import KeyContext
from domain.storage_retry import retry_while_storage_down
from providers.base import Brief, Credentials, GenerationRequest, Provider
from providers.errors import InvalidResponse, ProviderError
from providers.kinds import ProviderKind, StageType
from providers.registry import runs_jobs
from settings import current_settings

log = structlog.get_logger(__name__)

#: Where providers that insist on an address are told to call while we have none; RFC 2606 keeps it nobody's.
NOBODYS_URL = "https://quatrain.invalid"
#: How long a stage waits before it looks again whether there is room for its work; a look costs next to nothing.
NO_ROOM_PAUSE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Call:
    """The call, as plain data that outlives the session that read it."""

    id: int
    order_id: int
    stage_type: StageType
    claim: int
    brief: Brief
    poem: str
    config: ResolvedConfig = field(repr=False)
    model: str
    base_url: str
    attempt_id: int = 0
    token: str = ""
    #: For when the provider's quota has counted it, in seconds since the epoch; None where there is none.
    counted_at: float | None = None

    @property
    def credentials(self) -> Credentials:
        """What the adapter is opened with."""
        return Credentials(self.config.api_key, self.base_url)

    @property
    def facts(self) -> dict[str, object]:
        """What a line in the log says of it."""
        return {
            "stage_id": self.id,
            "stage_type": self.stage_type,
            "provider": self.config.provider_kind,
            "model": self.model,
            "claim": self.claim,
        }

    def hide_words(self, error: ProviderError) -> None:
        """Take the order's words out of what the provider has said; to be done before anybody writes it down."""
        brief = self.brief
        own_words.hide(error, (brief.recipient, brief.occasion, brief.details, brief.tone, self.poem))

    def request(self) -> GenerationRequest:
        """The same for the same attempt, however often it is built: a provider compares a repeated one."""
        poem_wanted = self.stage_type is StageType.POEM
        return GenerationRequest(
            stage_type=self.stage_type,
            model=self.model,
            brief=self.brief,
            token=self.token,
            instructions=prompts.poem_instructions(self.brief) if poem_wanted else "",
            prompt=prompts.poem_prompt(self.brief) if poem_wanted else "",
            poem=self.poem,
            callback_url=f"{current_settings().public_url.rstrip('/') or NOBODYS_URL}/callbacks/{self.token}",
        )


@dataclass(frozen=True, slots=True)
class Throttled:
    """A stage whose provider takes no call now: ``again_at`` is when the oldest of them may go."""

    again_at: datetime


def take(stage_id: int) -> Call | Throttled | None:
    """Claim the stage and prepare its call; None when there is nothing to call. Commits."""
    now, can_be_kept = utc_now(), works.can_be_kept()
    stage = stages.claim(stage_id, now)
    if stage is None:
        db.session.rollback()
        return None
    order = db.session.get_one(Order, stage.order_id)
    poem = poem_for(stage, order)
    if poem is None:
        # Its poem is gone: only a retry of POEM by hand, which is running now, can do that.
        stages.transition(
            stage, {StageState.RUNNING}, state=StageState.BLOCKED, reason=StageReason.NO_POEM, lease_until=None
        )
        db.session.commit()
        return None
    try:
        config = get_provider_config(stage.stage_type, stage_id=stage.id)
    except SectionBlocked as blocked:
        retries.wait(stage, blocked.reason, waiting_since=stage.waiting_since or now, config_version=None)
        db.session.commit()
        return None
    if stage.stage_type is not StageType.POEM and not can_be_kept:
        # Before anything is paid for: a work that cannot be stored would be lost.
        log.warning("media store full or away, generation not started", stage_id=stage_id, stage_type=stage.stage_type)
        retries.queue_again(stage, now, StageReason.STORAGE_FULL, NO_ROOM_PAUSE)
        db.session.commit()
        return None
    grant = quotas.take_call(stage, config.provider_kind)
    if not grant.calls:
        _throttle(stage, config.provider_kind, now)
        return Throttled(grant.again_at or now)
    call = replace(_call_of(stage, order, poem, config), counted_at=grant.counted_at)
    if call.model:
        call = _write_attempt(call)
    _commit(call)
    return call


def _throttle(stage: Stage, kind: ProviderKind, now: datetime) -> None:
    stages.transition(
        stage,
        {StageState.RUNNING},
        state=StageState.QUEUED,
        reason=StageReason.THROTTLED,
        lease_until=None,
        due_at=now,
        published_at=None,
        provider_kind=kind,
    )
    db.session.commit()


def with_first_model(call: Call, provider: Provider) -> Call:
    """For a key from the environment: the first model of its list, as a save without a choice would take. Commits.

    The call as it was, without a model, if the stage was taken away while the provider listed them.
    """
    models = provider.list_models(call.stage_type)
    if not models:
        raise InvalidResponse(provider.kind, "empty list")
    if not stages.transition(call, {StageState.RUNNING}):
        db.session.rollback()
        return call
    call = _write_attempt(replace(call, model=models[0]))
    _commit(call)
    return call


def may_send(call: Call, lease: Lease) -> bool:
    """Whether the call may be sent, at once: it has its model, and nobody else can have taken its stage. Commits."""
    if not call.model or not lease.is_fresh():
        return False
    quotas.leave(call.config.provider_kind, call.counted_at)
    return lease.is_fresh()


@retry_while_storage_down
def release_claim(call: Call) -> None:
    """Queue the stage again as if it had not been taken: nothing of its call was sent. Commits.

    Whatever the sweep has made of the silence meanwhile is undone, unless somebody has taken the stage since.
    """
    now = utc_now()
    returned = stages.transition(
        call,
        (StageState.RUNNING, StageState.UNCERTAIN, StageState.ATTENTION),
        state=StageState.QUEUED,
        reason=None,
        lease_until=None,
        due_at=now,
        published_at=None,
    )
    attempt = db.session.get(Attempt, call.attempt_id)
    if returned and attempt is not None and attempt.state in (AttemptState.OPEN, AttemptState.UNCERTAIN):
        attempt.state, attempt.ended_at, attempt.code = AttemptState.REFUSED, now, StageReason.NOT_SENT
        attempt.api_key_encrypted = None
    db.session.commit()


def poem_for(stage: Stage, order: Order) -> str | None:
    """The text that the stage works from: empty for POEM, None while there is none."""
    return "" if stage.stage_type is StageType.POEM else works.poem_of(order)


def snapshot_place(stage_type: StageType, kind: ProviderKind) -> KeyContext:
    """Where the key of a job is sealed for, as long as the job runs."""
    return KeyContext(stage_type, kind, "job")


def _call_of(stage: Stage, order: Order, poem: str, config: ResolvedConfig) -> Call:
    return Call(
        stage.id,
        order.id,
        stage.stage_type,
        stage.claim,
        brief=order.brief,
        poem=poem,
        config=config,
        model=config.model,
        base_url=current_settings().base_url(config.provider_kind),
    )


def _commit(call: Call) -> None:
    try:
        db.session.commit()
    except DBAPIError:
        # It may have been kept before the connection broke, and would then pass for a call without an answer.
        db.session.rollback()
        release_claim(call)
        raise


def _write_attempt(call: Call) -> Call:
    """Note the call before it is made, with the key that a job has to be asked about with; the caller commits."""
    kind = call.config.provider_kind
    serves = {"provider_kind": kind, "model": call.model, "config_version": call.config.version}
    number = db.session.scalar(
        _COUNT_ATTEMPT, {"stage_id": call.id, **{f"new_{name}": serves[name] for name in serves}}
    )
    sealed = None
    if runs_jobs(kind):
        sealed = current_vault().seal(call.config.api_key, snapshot_place(call.stage_type, kind))
    values = {"stage_id": call.id, "number": number, "api_key_encrypted": sealed, **serves}
    attempt_id, token = db.session.execute(_NEW_ATTEMPT, values).one()
    return replace(call, attempt_id=attempt_id, token=token)


_STAGES, _ATTEMPTS = Base.metadata.tables["stages"], Base.metadata.tables["attempts"]
_COUNT_ATTEMPT = (
    update(_STAGES)
    .where(_STAGES.c.id == bindparam("stage_id"))
    .values(
        attempts=_STAGES.c.attempts + 1,
        provider_kind=bindparam("new_provider_kind"),
        model=bindparam("new_model"),
        config_version=bindparam("new_config_version"),
    )
    .returning(_STAGES.c.attempts)
)
_NEW_ATTEMPT = insert(_ATTEMPTS).returning(_ATTEMPTS.c.id, _ATTEMPTS.c.token)
