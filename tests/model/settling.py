"""The end of a run: faults stop, time goes on, and whatever can still move is moved until nothing does."""

from datetime import datetime, timedelta

from domain.generation import generate, poll
from domain.maintenance import sweep
from domain.orders.models import Ready, StageState
from domain.provider_configs import checks
from providers.kinds import StageType
from tests.model.house import House
from tests.model.promises import work_is_right
from tests.model.rows import Rows, StageRow

RESTING = {StageState.DONE, StageState.FAILED, StageState.ATTENTION}
UNDECIDED = {StageState.FAILED, StageState.ATTENTION}
ROUNDS = 150
LONGEST = timedelta(hours=6)


def settle(house: House) -> None:
    """Sweep, deliver, look and let time pass until every stage rests. Raises if one never does."""
    house.facts.world.revoked.clear()
    house.fill_the_disk(full=False)
    house.acting = "settling"
    began = house.now
    for _ in range(ROUNDS):
        _round(house)
        if not _restless(house):
            break
        if house.now - began > LONGEST:
            break
        house.move_clock(_until_the_next(house) - house.now)
    assert not _restless(house), f"after {house.now - began} there still stand: {_restless(house)}"
    house.broken += [
        fault
        for stage in house.rows.stages.values()
        if stage.state is StageState.DONE
        for fault in work_is_right(house.rows, stage, house.facts)
    ]


def _round(house: House) -> None:
    """What the beat and its messages bring about in one moment."""
    with house.app.app_context():
        swept = sweep.sweep(house.now)
    with house.app.app_context():
        polled = poll.poll_due(house.now)
    ready: list[Ready] = [*swept.stages, *polled.ready]
    wanted: list[StageType] = [*swept.checks, *polled.checks]
    while ready or wanted:
        with house.app.app_context():
            if wanted:
                ready += checks.check(wanted.pop())
            else:
                outcome = generate.generate(ready.pop(0).stage_id)
                ready += outcome.ready
                wanted += [outcome.check] if outcome.check else []


def _restless(house: House) -> list[object]:
    return [stage for stage in house.rows.stages.values() if not _rests(stage, house.rows)]


def _rests(stage: StageRow, rows: Rows) -> bool:
    """Whether nothing more comes of it by itself. What waits for a poem that a person has to see to rests with it."""
    if stage.state is StageState.BLOCKED:
        poem = next(each for each in rows.stages_of(stage.order_id) if each.stage_type is StageType.POEM)
        return poem.state in UNDECIDED
    return stage.state in RESTING


def _until_the_next(house: House) -> datetime:
    """When the next thing is due; soon, where nothing says when."""
    soon = house.now + timedelta(seconds=61)
    times = [
        time
        for stage in house.rows.stages.values()
        if stage.state not in RESTING
        for time in (stage.due_at, stage.lease_until)
    ]
    return min([time for time in times if time and time > house.now], default=soon) + timedelta(seconds=11)
