"""Making the four works: one task for each, so that each can be routed and counted by its name."""

from celery import shared_task

from domain import generation
from tasks.messages import send_check, send_stages


@shared_task(name="tasks.generation.generate_poem")
def generate_poem(stage_id: int) -> None:
    """Write the poem of a stage."""
    _generate(stage_id)


@shared_task(name="tasks.generation.generate_voice")
def generate_voice(stage_id: int) -> None:
    """Read the poem of a stage aloud."""
    _generate(stage_id)


@shared_task(name="tasks.generation.generate_song")
def generate_song(stage_id: int) -> None:
    """Sing the poem of a stage."""
    _generate(stage_id)


@shared_task(name="tasks.generation.generate_clip")
def generate_clip(stage_id: int) -> None:
    """Film the poem of a stage."""
    _generate(stage_id)


def _generate(stage_id: int) -> None:
    outcome = generation.generate(stage_id)
    send_stages(outcome.ready)
    if outcome.check is not None:
        send_check(outcome.check)
