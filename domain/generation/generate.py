"""Making one stage: take it, call what serves it, store what came of it.

No transaction is open while a provider thinks. Every outcome ends in the row; an exception that leaves this module
is a bug, and the sweep deals with the row.
"""

import time

import structlog

from domain.generation import calls, outcomes, submit
from domain.generation.calls import Call, Throttled
from domain.generation.outcomes import Outcome
from domain.orders import leases, works
from domain.orders.leases import Lease
from providers.errors import ProviderError
from providers.registry import open_instant_provider, open_job_provider, runs_jobs

log = structlog.get_logger(__name__)


def generate(stage_id: int) -> Outcome:
    """Make the work of a queued stage that is due, or do nothing if there is no such stage. Commits at each step.

    Called twice for one stage, the second call finds it taken and does nothing. Before a call that may cost money
    the attempt is written down and committed. A provider of jobs is only handed the job here;
    ``poll`` does the rest.
    """
    asked_at = time.monotonic()
    call = calls.take(stage_id)
    if call is None:
        return Outcome()
    if isinstance(call, Throttled):
        return Outcome(again_at=call.again_at)
    with leases.renewed((call.id, call.claim), asked_at=asked_at) as [lease]:
        if runs_jobs(call.config.provider_kind):
            return submit.submit(call, open_job_provider(call.config.provider_kind, call.credentials), lease)
        return _make(call, lease)


def _make(call: Call, lease: Lease) -> Outcome:
    provider = open_instant_provider(call.config.provider_kind, call.credentials)
    try:
        if not call.model:
            call = calls.with_first_model(call, provider)
        if not calls.may_send(call, lease):
            calls.release_claim(call)
            return Outcome()
        result = provider.generate(call.request())
    except ProviderError as error:
        call.hide_words(error)
        log.info("attempt failed", **call.facts, outcome=error.code, detail=error.detail, status=error.status)
        return Outcome(check=outcomes.record_error(call, error, paid=provider.paid))
    try:
        stored = works.store(call.id, call.claim, result)
    except OSError as error:
        log.warning("work not stored", **call.facts, error=type(error).__name__)
        outcomes.record_full_disk(call, paid=provider.paid)
        return Outcome()
    log.info("attempt done", **call.facts, outcome="done", request_id=result.request_id)
    return Outcome(ready=outcomes.record_success(call, result, stored))
