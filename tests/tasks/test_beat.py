"""Beat keeps its pace when the clock is set."""

from datetime import timedelta

import pytest
from celery import Celery
from celery.beat import ScheduleEntry

from tasks.beat import SteadyScheduler
from tests.stopped_clock import StoppedClock, stopped_clock

HOUR = timedelta(hours=1)


@pytest.fixture
def sent() -> list[str]:
    """The names of what was sent, in order."""
    return []


@pytest.fixture
def beat(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> SteadyScheduler:
    """A scheduler of two tasks that sends nothing really."""
    app = Celery(set_as_current=False)
    app.conf.beat_schedule = {name: {"task": name, "schedule": 2.0} for name in ("sweep", "poll")}

    def note(_beat: SteadyScheduler, entry: ScheduleEntry, producer: object = None) -> None:
        sent.append(str(entry.name))

    monkeypatch.setattr(SteadyScheduler, "apply_entry", note)
    monkeypatch.setattr(SteadyScheduler, "producer", None)
    return SteadyScheduler(app=app, lazy=True)


def let_beat_run(beat: SteadyScheduler, clock: StoppedClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.shift(1)
        while beat.tick() == 0:
            pass


@pytest.mark.parametrize("by", [timedelta(0), -HOUR, HOUR], ids=["not set", "set back", "set forward"])
def test_each_task_is_sent_at_its_pace(beat: SteadyScheduler, sent: list[str], by: timedelta) -> None:
    with stopped_clock() as clock:
        beat.setup_schedule()
        beat._clock.note()
        let_beat_run(beat, clock, 10)
        sent.clear()

        clock.set(by)
        let_beat_run(beat, clock, 20)

    assert 9 <= sent.count("sweep") <= 11
    assert 9 <= sent.count("poll") <= 11
