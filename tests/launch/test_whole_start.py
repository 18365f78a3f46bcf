"""`make run` from the first line to the last: ready, stopped in every way, no process left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.launch.starts import ENDS_WITHIN_SECONDS, Start, env_in, free_port, starts_in, status_of

pytestmark = pytest.mark.processes


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Start]]:
    with starts_in(tmp_path) as begin:
        yield begin


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whom", [os.kill, os.killpg])
def test_a_signal_while_it_starts_leaves_nothing(
    stop: signal.Signals, whom: Callable[[int, int], None], start: Callable[..., Start]
) -> None:
    run = start()
    run.read_until("Made ")

    whom(run.process.pid, stop)

    assert run.end() == 0
    assert run.family() == []


def test_it_gets_ready_tells_where_to_go_and_ctrl_c_ends_all_of_it(start: Callable[..., Start], tmp_path: Path) -> None:
    port = free_port()
    run = start(PORT=port)
    said = run.read_until("Ctrl-C stops it")
    family = run.family()

    assert f"Quatrain is ready: http://127.0.0.1:{port}/admin\n" in said
    assert f"Administrator: admin; the password is in {tmp_path}/.env (ADMIN_PASSWORD)\n" in said
    assert env_in(tmp_path)["ADMIN_PASSWORD"] not in said
    assert status_of(port, "/healthz") == 200
    assert status_of(port, "/readyz") == 200
    commands = [" ".join(process.cmdline()) for process in family]
    for name in ("gunicorn", "celery_app worker", "celery_app beat", "redis-server"):
        assert any(name in command for command in commands)

    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: the whole foreground group at once

    assert run.end() == 0
    assert run.family() == []
    assert "Traceback" not in "".join(run.lines)


def test_the_second_start_is_ready_in_ten_seconds(start: Callable[..., Start]) -> None:
    first = start()
    first.read_until("Ctrl-C stops it")
    first.process.send_signal(signal.SIGTERM)
    assert first.end() == 0
    assert first.family() == []

    began = time.monotonic()
    second = start()
    second.read_until("Ctrl-C stops it")
    # Ten seconds for a machine that has nothing else to do.
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert time.monotonic() - began < 10 * max(1, crowd)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_kill_that_cannot_be_caught_takes_all_of_it_down_and_what_was_started_again(
    start: Callable[..., Start],
) -> None:
    run = start()
    run.read_until("Ctrl-C stops it")
    run.processes()["worker"].kill()
    run.read_until("worker started again")
    family = run.family()
    assert len(family) >= 7  # web counts three times

    run.process.kill()

    _, alive = psutil.wait_procs(family, timeout=ENDS_WITHIN_SECONDS)
    assert alive == []
