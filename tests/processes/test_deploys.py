"""A deploy fails no request and leaves nothing uncertain.

The few deploys that fit into every run become more with, say,
``DEPLOYS=20 make test ARGS="-n 0 -k test_deploys --log-cli-level=INFO"``, which also prints the figures.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from domain.orders import AttemptState, StageState
from tasks.pulse import SILENCE
from tests.faults.judge import broken_promises
from tests.processes.deploys import Afterwards, deploy_everything
from tests.running_system import RunningSystem, wait_until

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)

DEPLOYS = int(os.environ.get("DEPLOYS", "2"))
#: Some slack for a busy machine; an old beat that did not hear SIGTERM would have to be killed.
ENDS_AT_ONCE_SECONDS = 5


@pytest.fixture(scope="module")
def afterwards(tmp_path_factory: pytest.TempPathFactory) -> Afterwards:
    """One run for all tests of this module, each of which looks at another side of it."""
    found = deploy_everything(DEPLOYS, tmp_path_factory.mktemp("deploys"))
    answered = sum(caller.answered for caller in found.callers)
    slowest = max(caller.longest_seconds for caller in found.callers)
    log.info("%d deploys: %d works, %d requests, the slowest %.1f s", DEPLOYS, found.charges, answered, slowest)
    return found


def test_every_request_is_answered_on_new_connections_and_on_kept_ones(afterwards: Afterwards) -> None:
    assert [failure for caller in afterwards.callers for failure in caller.failures] == []
    # Else hardly anything was asked; how much is asked is a question of the machine.
    assert all(caller.answered > 3 * DEPLOYS for caller in afterwards.callers)


def test_every_work_is_made_by_one_call_that_is_paid_once(afterwards: Afterwards) -> None:
    stages = afterwards.evidence.stages

    assert broken_promises(afterwards.evidence) == []
    assert {stage.state for stage in stages} == {StageState.DONE}
    assert {stage.attempts for stage in stages} == {(AttemptState.ANSWERED,)}
    assert [stage.charges for stage in stages] == [1] * afterwards.charges


def test_no_answer_is_ever_in_doubt(afterwards: Afterwards) -> None:
    assert afterwards.doubted == []


def test_a_worker_that_ends_renews_the_leases_of_its_calls(afterwards: Afterwards) -> None:
    assert afterwards.most_renewals >= 2


def test_old_workers_end_by_themselves_and_without_a_complaint(afterwards: Afterwards) -> None:
    assert afterwards.exit_codes == [0] * DEPLOYS
    assert "Traceback" not in afterwards.output


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A beat that nobody hears, so that Redis keeps what it sends."""
    folder = tmp_path_factory.mktemp("beat")
    system = RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", {})
    try:
        system.start_redis()
        system.start_process("beat")
        yield system
    finally:
        system.stop()


def wait_for_a_message(system: RunningSystem) -> None:
    with redis.Redis.from_url(system.redis.url) as client:
        sent_before = client.llen("control")
        wait_until(lambda: client.llen("control") > sent_before, "the beat beats")


def test_a_new_beat_is_heard_before_a_worker_stands_in_for_the_old_one(beating: RunningSystem) -> None:
    wait_for_a_message(beating)
    ended_at = time.monotonic()

    beating.restart("beat")

    wait_for_a_message(beating)
    assert time.monotonic() - ended_at < SILENCE.total_seconds()


def test_a_beat_ends_at_once_also_while_it_waits_for_redis(beating: RunningSystem) -> None:
    wait_for_a_message(beating)
    os.kill(beating.redis.pid, signal.SIGSTOP)
    time.sleep(1)  # longer than the beat sleeps between two messages
    began = time.monotonic()

    beating.restart("beat")

    assert time.monotonic() - began < ENDS_AT_ONCE_SECONDS
    os.kill(beating.redis.pid, signal.SIGCONT)
