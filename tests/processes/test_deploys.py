"""A deploy fails no request and leaves nothing uncertain.

The one deploy that fits into every run becomes more with, say,
``DEPLOYS=20 make test ARGS="-n 0 -k test_deploys --log-cli-level=INFO"``, which also prints the figures.
"""

import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from domain.orders.models import AttemptState, StageState
from tasks.messages import POLL_TASK, SWEEP_TASK
from tasks.pulse import SILENCE
from tests.faults.judge import broken_promises
from tests.processes.deploys import Afterwards, deploy_everything
from tests.running_system import RunningSystem, wait_until

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)

DEPLOYS = int(os.environ.get("DEPLOYS", "1"))
#: As /proc/net/tcp has it, of a connection that both sides have open.
ESTABLISHED = "01"


@pytest.fixture(scope="module")
def afterwards(tmp_path_factory: pytest.TempPathFactory) -> Afterwards:
    """One run for all tests of this module, each of which looks at another side of it."""
    found = deploy_everything(DEPLOYS, tmp_path_factory.mktemp("deploys"))
    answered = sum(caller.answered for caller in found.callers)
    slowest = max(caller.longest_seconds for caller in found.callers)
    log.info("%d deploys: %d works, %d requests, the slowest %.1f s", DEPLOYS, found.charges, answered, slowest)
    return found


@pytest.mark.thorough
def test_every_request_is_answered_on_new_connections_and_on_kept_ones(afterwards: Afterwards) -> None:
    assert [failure for caller in afterwards.callers for failure in caller.failures] == []
    assert all(caller.answered >= 2 * DEPLOYS for caller in afterwards.callers)


@pytest.mark.thorough
def test_every_work_is_made_by_one_call_that_is_paid_once(afterwards: Afterwards) -> None:
    stages = afterwards.evidence.stages

    assert broken_promises(afterwards.evidence) == []
    assert {stage.state for stage in stages} == {StageState.DONE}
    # A call that never reached its provider, as on a busy machine, is made again, and costs nothing.
    assert {tuple(each for each in stage.attempts if each is not AttemptState.REFUSED) for stage in stages} == {
        (AttemptState.ANSWERED,)
    }
    assert [stage.charges for stage in stages] == [1] * afterwards.charges


@pytest.mark.thorough
def test_no_answer_is_ever_in_doubt(afterwards: Afterwards) -> None:
    assert afterwards.doubted == []


@pytest.mark.thorough
def test_a_worker_that_ends_renews_the_leases_of_its_calls(afterwards: Afterwards) -> None:
    assert afterwards.most_renewals >= 2


@pytest.mark.thorough
def test_old_workers_end_by_themselves_and_without_a_complaint(afterwards: Afterwards) -> None:
    assert afterwards.exit_codes == [0] * DEPLOYS
    assert [line for line in afterwards.output.splitlines() if "Traceback" in line] == []


@pytest.fixture(scope="module")
def beating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A beat that nobody hears, so that Redis keeps what it sends: a sweep a minute, and each second a poll."""
    folder = tmp_path_factory.mktemp("beat")
    env = {"SWEEP_INTERVAL_SECONDS": "60", "POLL_INTERVAL_SECONDS": "1"}
    system = RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env)
    try:
        system.start_redis()
        system.start_process("beat")
        wait_until(lambda: sent_in(system), "the beat beats")
        yield system
    finally:
        system.stop()


def sent_in(system: RunningSystem) -> list[str]:
    """The names of the tasks that were sent, in order."""
    with redis.Redis.from_url(system.redis.url) as client:
        return [json.loads(message)["headers"]["task"] for message in reversed(client.lrange("control", 0, -1))]


def is_waited_for(port: int) -> bool:
    """Whether somebody has sent something to the server on ``port`` that it has not read."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        local.endswith(f":{port:04X}") and state == ESTABLISHED and int(queues.partition(":")[2], 16) > 0
        for _, local, _, state, queues, *_ in lines
    )


def test_a_new_beat_is_heard_before_a_worker_stands_in_for_the_old_one(beating: RunningSystem) -> None:
    ended_with = beating.kill("beat", signal.SIGTERM)
    before = len(sent_in(beating))

    new = beating.start_process("beat")

    wait_until(lambda: sent_in(beating)[before:].count(POLL_TASK) == 2, "the new beat beats")
    # Nobody had to kill the old one, the new one has not waited for a minute to begin, and took little time to start.
    # That of its processor alone: a busy machine may take longer, and then a worker does stand in.
    assert ended_with == -signal.SIGTERM
    assert SWEEP_TASK in sent_in(beating)[before:]
    took = psutil.Process(new.pid).cpu_times()
    assert took.user + took.system < SILENCE.total_seconds()


def test_a_beat_ends_at_once_also_while_it_waits_for_redis(beating: RunningSystem) -> None:
    os.kill(beating.redis.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: is_waited_for(beating.redis.port), "the beat waits for Redis")

        # Else it would have to be killed.
        assert beating.kill("beat", signal.SIGTERM) == -signal.SIGTERM
    finally:
        os.kill(beating.redis.pid, signal.SIGCONT)
