"""Making the four works: one task for each, so that each can be routed and counted by its name."""

from datetime import timedelta

from domain import heartbeats
from domain.db import db, utc_now
from domain.generation import generate, poll
from tasks.messages import POLL_TASK, send_check, send_stages
from tasks.pace import poll_at, release_at
from tasks.registration import task


@task(name="tasks.generation.generate_poem")
def generate_poem(stage_id: int) -> None:
    """Write the poem of a stage."""
    _generate(stage_id)


@task(name="tasks.generation.generate_voice")
def generate_voice(stage_id: int) -> None:
    """Read the poem of a stage aloud."""
    _generate(stage_id)


@task(name="tasks.generation.generate_song")
def generate_song(stage_id: int) -> None:
    """Sing the poem of a stage."""
    _generate(stage_id)


@task(name="tasks.generation.generate_clip")
def generate_clip(stage_id: int) -> None:
    """Film the poem of a stage."""
    _generate(stage_id)


@task(name=POLL_TASK)
def poll_jobs(every: float | None = None) -> None:
    """Ask about the jobs whose time has come, and fetch what is finished.

    ``every``, in seconds, is given by beats: of all of them, one is heard in each such span.
    """
    if every is not None:
        claimed = heartbeats.claim_interval(POLL_TASK, timedelta(seconds=every), utc_now())
        db.session.commit()
        if not claimed:
            return
    polled = poll.poll_due(utc_now())
    send_stages(polled.ready)
    for stage_type in polled.checks:
        send_check(stage_type)
    if polled.again_at is not None:
        poll_at(polled.again_at)


def _generate(stage_id: int) -> None:
    outcome = generate.generate(stage_id)
    send_stages(outcome.ready)
    if outcome.check is not None:
        send_check(outcome.check)
    if outcome.again_at is not None:
        release_at(outcome.again_at)
