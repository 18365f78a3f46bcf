"""`make run` from the first line to the last: ready, stopped in every way, no process left behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What could be seen of a start and of its end by Ctrl-C."""

    run: Start
    port: int
    said: str
    statuses: dict[str, int]
    commands: list[str]
    exit_code: int
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    """One for all that look at it: a start costs seconds."""
    port = free_port()
    with starts_in(tmp_path_factory.mktemp("first")) as begin:
        run = begin(PORT=port)
        said = run.read_until("Ctrl-C stops it")
        statuses = {path: status_of(port, path) for path in ("/healthz", "/readyz")}
        commands = [" ".join(process.cmdline()) for process in run.family()]
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: the whole foreground group at once
        yield FirstRun(run, port, said, statuses, commands, run.end(), run.family())


def test_it_gets_ready_and_tells_where_to_go(first_run: FirstRun) -> None:
    folder, said = first_run.run.folder, first_run.said

    assert f"Quatrain is ready: http://127.0.0.1:{first_run.port}/admin\n" in said
    assert f"Administrator: admin; the password is in {folder}/.env (ADMIN_PASSWORD)\n" in said
    assert env_in(folder)["ADMIN_PASSWORD"] not in said
    assert first_run.statuses == {"/healthz": 200, "/readyz": 200}
    for name in ("gunicorn", "celery_app worker", "celery_app beat", "redis-server"):
        assert any(name in command for command in first_run.commands)


def test_ctrl_c_ends_all_of_it(first_run: FirstRun) -> None:
    assert first_run.exit_code == 0
    assert first_run.left == []
    assert "Traceback" not in "".join(first_run.run.lines)


def test_the_second_start_is_ready_in_ten_seconds_and_sigterm_ends_it(first_run: FirstRun) -> None:
    with starts_in(first_run.run.folder) as begin:
        began = time.monotonic()
        second = begin()
        second.read_until("Ctrl-C stops it")
        # Ten seconds for a machine that has nothing else to do.
        crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
        assert time.monotonic() - began < 10 * max(1, crowd)

        second.process.send_signal(signal.SIGTERM)

        assert second.end() == 0
        assert second.family() == []


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
