"""Fetching the files of finished jobs, before the provider's links run out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import structlog
from flask import Flask, current_app

from domain.db import db, utc_now
from domain.generation import outcomes
from domain.generation.calls import Call
from domain.orders import stages, works
from domain.orders.leases import LEASE
from domain.orders.models import Ready, Stage, StageReason, StageState
from domain.orders.works import StoredWork
from domain.storage_retry import retry_while_storage_down
from providers.base import GenerationResult, JobStatus, MediaLink
from providers.errors import ProviderError
from providers.http.download import download
from providers.kinds import StageType
from providers.media.types import Medium

log = structlog.get_logger(__name__)

THREADS = 4
#: Waits before the job is asked for a link again; after the last a person is asked.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 300, 900, 1800))
DISK_WAIT = timedelta(minutes=10)
MEDIA: dict[StageType, Medium] = {StageType.SONG: "audio", StageType.CLIP: "video"}

Finished = tuple[Call, str, JobStatus, MediaLink]


def fetch(finished: list[Finished]) -> list[Ready]:
    """Fetch what these jobs have made; commits for each, and returns the stages that can start now.

    The caller renews their leases meanwhile.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a thread needs the application itself
    mine = [job for job in finished if _begin(job[0])]
    if not mine:
        return []
    with ThreadPoolExecutor(THREADS) as pool:
        return [ready for readies in pool.map(partial(_fetch_in, app), mine) for ready in readies]


@retry_while_storage_down
def _begin(call: Call) -> bool:
    begun = stages.transition(
        call, {StageState.SUBMITTED}, state=StageState.FETCHING, lease_until=utc_now() + LEASE, reason=None
    )
    db.session.commit()
    return begun


def _fetch_in(app: Flask, job: Finished) -> list[Ready]:
    with app.app_context():
        return _fetch(*job)


def _fetch(call: Call, job_id: str, status: JobStatus, media: MediaLink) -> list[Ready]:
    try:
        stored = _store(call, media)
    except ProviderError as error:
        call.hide_words(error)
        log.info("download failed", **call.facts, job_id=job_id, outcome=error.code, detail=error.detail)
        _ask_for_the_link_again(call, error)
        return []
    except OSError as error:
        log.warning("work not stored", **call.facts, error=type(error).__name__)
        _back(call, DISK_WAIT, reason=StageReason.STORAGE_FULL)
        return []
    result = GenerationResult(call.model, request_id=job_id, usage=status.usage)
    log.info("job done", **call.facts, job_id=job_id, bytes=stored.size_bytes)
    return outcomes.record_success(call, result, stored)


def _store(call: Call, media: MediaLink) -> StoredWork:
    kind, base_url = call.config.provider_kind, call.credentials.base_url
    return works.store_download(
        call.id,
        call.claim,
        lambda file: download(media.url, file, kind=kind, medium=MEDIA[call.stage_type], base_url=base_url),
    )


@retry_while_storage_down
def _ask_for_the_link_again(call: Call, error: ProviderError) -> None:
    stage = db.session.get_one(Stage, call.id)
    failures = stage.passing_failures + 1
    if failures <= len(WAITS):
        _back(call, WAITS[failures - 1], reason=error.code, detail=error.detail, passing_failures=failures)
        return
    stages.transition(
        call,
        {StageState.FETCHING},
        state=StageState.ATTENTION,
        reason=StageReason.DOWNLOAD_FAILED,
        detail=error.detail,
        lease_until=None,
    )
    db.session.commit()


@retry_while_storage_down
def _back(call: Call, wait: timedelta, **values: object) -> None:
    """The job is looked at again: that is free, and gives a fresh link."""
    stages.transition(
        call, {StageState.FETCHING}, state=StageState.SUBMITTED, lease_until=None, due_at=utc_now() + wait, **values
    )
    db.session.commit()
