"""Several beats ask; one of them is heard in each span."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask

from domain import heartbeats
from domain.db import db, utc_now
from domain.heartbeats import last_seen

EVERY = timedelta(seconds=5)
NOW = utc_now()


def ask(seconds: float) -> bool:
    claimed = heartbeats.claim_interval("sweep", EVERY, NOW + timedelta(seconds=seconds))
    db.session.commit()
    return claimed


@pytest.mark.parametrize("behind", [0.0, 0.1, 2.5, 4.9])
def test_two_beats_make_one_tick_in_each_span(behind: float) -> None:
    heard = [ask(second + late) for second in range(0, 60, 5) for late in (0, behind)]

    assert heard.count(True) in {12, 13}


def test_a_beat_that_is_late_or_early_by_a_little_misses_nothing() -> None:
    assert [ask(second) for second in (0, 5.4, 9.9, 15.2, 19.8)] == [True] * 5


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    assert ask(3600)
    assert ask(0)
    assert not ask(1)


def test_a_claim_that_is_not_committed_is_none() -> None:
    assert heartbeats.claim_interval("sweep", EVERY, NOW)
    db.session.rollback()

    assert last_seen("sweep") is None
    assert ask(0)


def test_of_many_who_ask_at_the_same_moment_one_is_heard(app: Flask) -> None:
    together = Barrier(8)

    def ask_together(span: int) -> bool:
        together.wait(60)
        with app.app_context():
            return ask(5 * span)

    with ThreadPoolExecutor(8) as beats:
        for span in range(3):
            assert list(beats.map(ask_together, [span] * 8)).count(True) == 1
