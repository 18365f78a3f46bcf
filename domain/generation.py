"""Making one stage: take it, resolve what serves it, call the provider, store what came of it.

No transaction is open while a provider thinks. Every outcome ends in the row; an exception that leaves this module
is a bug, and the sweep deals with the row.
"""

from dataclasses import dataclass, field, replace

import structlog

from domain import outcomes, prompts, stages, works
from domain.db import db, utc_now
from domain.orders import Attempt, Order, Ready, Stage, StageState
from domain.resolver import ResolvedConfig, SectionBlocked, get_provider_config
from providers.base import Brief, Credentials, GenerationRequest, InstantProvider
from providers.errors import ProviderError, UnreadableAnswer
from providers.kinds import StageType
from providers.registry import open_provider
from settings import current_settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed stage, as plain data that outlives the session that read it."""

    id: int
    order_id: int
    stage_type: StageType
    claim: int
    brief: Brief
    poem: str
    config: ResolvedConfig = field(repr=False)
    model: str
    attempt_id: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has to be told to the workers now that the stage has moved."""

    ready: list[Ready] = field(default_factory=list)
    check: StageType | None = None


def generate(stage_id: int) -> Outcome:
    """Make the work of a queued stage that is due, or do nothing if there is no such stage. Commits at each step.

    Called twice for one stage, the second call finds it taken and does nothing. Before a call that may cost money
    the attempt is written down and committed.
    """
    job = _take(stage_id)
    if job is None:
        return Outcome()
    provider = open_provider(
        job.config.provider_kind,
        Credentials(job.config.api_key, current_settings().base_url(job.config.provider_kind)),
    )
    try:
        if not job.model:
            job = _with_first_model(job, provider)
        result = provider.generate(_request(job))
    except ProviderError as error:
        log.info("attempt failed", **_facts(job), outcome=error.code, detail=error.detail, status=error.status)
        check = outcomes.record_error(job, error, paid=provider.paid)
        return Outcome(check=check)
    try:
        stored = works.store(job.id, job.claim, result)
    except OSError as error:
        log.warning("work not stored", **_facts(job), error=type(error).__name__)
        outcomes.record_full_disk(job)
        return Outcome()
    log.info("attempt done", **_facts(job), outcome="done", request_id=result.request_id)
    return Outcome(ready=outcomes.record_success(job, result, stored))


def _take(stage_id: int) -> Job | None:
    """Claim the stage and prepare its call; None when there is nothing to call. Commits."""
    now = utc_now()
    claim = stages.claim(stage_id, now)
    if claim is None:
        db.session.rollback()
        return None
    stage = db.session.get_one(Stage, stage_id, populate_existing=True)
    order = db.session.get_one(Order, stage.order_id)
    poem = "" if stage.stage_type is StageType.POEM else works.poem_of(order.id)
    if poem is None:
        # Its poem is gone: only a retry of POEM by hand, which is running now, can do that.
        stages.move(stage, {StageState.RUNNING}, state=StageState.BLOCKED, reason="no_poem", lease_until=None)
        db.session.commit()
        return None
    try:
        config = get_provider_config(stage.stage_type)
    except SectionBlocked as blocked:
        outcomes.wait(stage, blocked.reason, waiting_since=stage.waiting_since or now, config_version=None)
        db.session.commit()
        return None
    job = Job(
        stage.id, order.id, stage.stage_type, claim, brief=order.brief, poem=poem, config=config, model=config.model
    )
    if job.model:
        job = _write_attempt(job)
    db.session.commit()
    return job


def _with_first_model(job: Job, provider: InstantProvider) -> Job:
    """For a key from the environment: the first model of its list, as a save without a choice would take."""
    models = provider.list_models(job.stage_type)
    if not models:
        raise UnreadableAnswer(provider.kind, "empty list")
    job = _write_attempt(replace(job, model=models[0]))
    db.session.commit()
    return job


def _write_attempt(job: Job) -> Job:
    """Note the call before it is made; the caller commits."""
    stage = db.session.get_one(Stage, job.id)
    stage.attempts += 1
    stage.provider_kind, stage.model = job.config.provider_kind, job.model
    stage.config_version = job.config.version
    attempt = Attempt(stage_id=job.id, number=stage.attempts, provider_kind=job.config.provider_kind, model=job.model)
    db.session.add(attempt)
    db.session.flush()
    return replace(job, attempt_id=attempt.id, token=attempt.token)


def _request(job: Job) -> GenerationRequest:
    poem_wanted = job.stage_type is StageType.POEM
    return GenerationRequest(
        stage_type=job.stage_type,
        model=job.model,
        brief=job.brief,
        token=job.token,
        instructions=prompts.poem_instructions(job.brief) if poem_wanted else "",
        prompt=prompts.poem_prompt(job.brief) if poem_wanted else "",
        poem=job.poem,
    )


def _facts(job: Job) -> dict[str, object]:
    return {
        "stage_id": job.id,
        "stage_type": job.stage_type,
        "provider": job.config.provider_kind,
        "model": job.model,
        "claim": job.claim,
    }
