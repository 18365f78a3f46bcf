"""What tests of jobs share: one order of a song or a clip, and a worker that looks at it."""

import pytest
from sqlalchemy import select

from domain.db import db, utc_now
from domain.generation import poll
from domain.orders.models import Attempt, Order
from providers.kinds import StageType
from tests import emulated_sections
from tests.builders import run, stage_of
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator

SONG, CLIP = StageType.SONG, StageType.CLIP
KINDS = {stage_type: emulated_sections.KINDS[stage_type] for stage_type in (SONG, CLIP)}
SUBMIT_ROUTES = {SONG: "generate", CLIP: "submit"}
LOOK_ROUTES = {SONG: "record", CLIP: "job"}
KEY = "fake-key-first-0123456789-a1b2"
OTHER_KEY = "fake-key-other-0123456789-c3d4"
POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."


def room_of(emulator: Emulator, stage_type: StageType) -> JobRoom:
    room = emulator.rooms[KINDS[stage_type]]
    assert isinstance(room, JobRoom)
    return room


def look(order: Order, stage_type: StageType) -> poll.Polled:
    """Let the time of the next look come, and look."""
    stage = stage_of(order, stage_type)
    stage.due_at = utc_now()
    db.session.commit()
    return poll.poll_due(utc_now())


def attempts_of(order: Order, stage_type: StageType) -> list[Attempt]:
    stage_id = stage_of(order, stage_type).id
    return list(db.session.scalars(select(Attempt).where(Attempt.stage_id == stage_id).order_by(Attempt.number)))


def charges(emulator: Emulator) -> int:
    return len(emulator.ledger)


def killed_after_the_submit(order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies between the provider's answer and the storing of the job's id."""

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("domain.generation.submit.store_ticket", die)
        with pytest.raises(Killed):
            run(order, stage_type)
    db.session.rollback()


def suno_says(job_id: str) -> dict[str, object]:
    return {"code": 200, "msg": "success", "data": {"callbackType": "complete", "task_id": job_id, "data": []}}
