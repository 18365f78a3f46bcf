"""One that ends is started again after a pause, and what a supervisor has started does not outlive it."""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from launch.supervisor import RestartPause, Supervisor
from tests.launch.starts import ENDS_WITHIN_SECONDS, READY_WITHIN_SECONDS
from tests.launch.warm_python import ROOT
from tests.running_system import wait_until

#: The last one is longer than anybody waits here.
PAUSES = [0.1, 0.2, 0.1, 900]
PROGRAM = """\
from pathlib import Path
from launch.supervisor import RestartPause, Supervisor

class Pauses(RestartPause):
    def __init__(self):
        self._left = {pauses}

    def seconds_after(self, lived_seconds):
        return self._left.pop(0)

folder = Path({folder!r})
supervisor = Supervisor({commands}, {{}}, folder, new_pause=Pauses)
supervisor.run(lambda: None, (folder / "ready").touch)
"""


def test_the_pause_grows_with_quick_ends_up_to_half_a_minute() -> None:
    pause = RestartPause()

    assert [pause.seconds_after(3) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_pause_is_short_again_after_a_steady_minute() -> None:
    pause = RestartPause()
    for _ in range(4):
        pause.seconds_after(59)

    assert [pause.seconds_after(lived) for lived in (60, 59, 59)] == [0.5, 1, 2]


class FakeProgram:
    """One that runs until ``code`` is set, and does what the test says when it is to be started."""

    printed_where = "see its log"

    def __init__(self, name: str, code: int | None = None) -> None:
        self.name = name
        self.code = code
        self.spawned: list[Callable[[], None]] = []

    def spawn(self) -> None:
        self.spawned.pop(0)()

    def exit_code(self) -> int | None:
        return self.code


def wait_for(event: threading.Event) -> None:
    event.wait(READY_WITHIN_SECONDS)


class NoPause(RestartPause):
    def seconds_after(self, lived_seconds: float) -> float:
        return 0


@pytest.fixture
def our_signals() -> Iterator[None]:
    """What a supervisor does with them here is undone."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("our_signals")
def test_one_that_cannot_be_started_for_want_of_memory_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = FakeProgram("store")

    def lack_memory() -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def succeed() -> None:
        program.code = None
        signal.raise_signal(signal.SIGTERM)

    def end() -> None:
        program.code = 1

    program.spawned = [lack_memory, succeed]
    supervisor = Supervisor({}, {}, tmp_path, [program], NoPause)

    supervisor.run(lambda: None, end)

    said = re.findall(r"system \| (.+)", capsys.readouterr().out)
    assert said == [
        "store ended (exit code 1), is started again in 0 s",
        "store cannot be started (Cannot allocate memory), is started again in 0 s",
        "store started again",
    ]
    assert supervisor.gave_up_because == ""


@pytest.mark.usefixtures("our_signals")
def test_of_several_that_end_before_all_was_ready_the_first_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor({}, {}, tmp_path, [FakeProgram("store", 3), FakeProgram("other", 4)], NoPause)
    is_over = threading.Event()

    supervisor.run(lambda: wait_for(is_over), lambda: None)
    is_over.set()

    assert supervisor.gave_up_because == "store ended (exit code 3) before all was ready; see its log"


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a supervisor of shell commands, which may wait for the file "ready"."""
    begun = []

    def begin(**commands: str) -> subprocess.Popen[str]:
        program = PROGRAM.format(pauses=PAUSES, folder=str(tmp_path), commands=commands)
        run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        begun.append(run)
        return run

    yield begin
    for run in begun:
        run.kill()
        run.communicate()


@pytest.mark.processes
def test_one_that_fails_leaves_nothing_behind_nor_does_a_ctrl_c_in_its_pause(
    supervise: Callable[..., subprocess.Popen[str]],
) -> None:
    failing = "until [ -e ready ]; do sleep 0.01; done; sleep 600 & echo $!; exit 70"
    run = supervise(steady="exec sleep 600", failing=failing)
    said = read_until(run, lambda said: "is started again in 900 s" in said and said.count("failing | ") == len(PAUSES))
    left = re.findall(r"failing \| (\d+)", said)
    (steady,) = psutil.Process(run.pid).children()

    ends = [f"failing ended (exit code 70), is started again in {pause:g} s" for pause in PAUSES]
    assert re.findall(r"system +\| (failing .+)", said) == [
        "failing started",
        *(line for end in ends[:-1] for line in (end, "failing started again")),
        ends[-1],
    ]
    wait_until(lambda: not any(map(sleeps, left)), "nothing is left of what failed")
    assert sleeps(steady.pid)

    run.send_signal(signal.SIGINT)

    # Long before the pause is over.
    rest, _ = run.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert "started" not in rest
    wait_until(lambda: not sleeps(steady.pid), "the steady one is gone")


@pytest.mark.processes
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_that_run(stop: signal.Signals, supervise: Callable[..., subprocess.Popen[str]]) -> None:
    run = supervise(one="exec sleep 600", other="sleep 600 & echo $!; exec sleep 600")
    said = read_until(run, lambda said: "other  | " in said)
    started = [*re.findall(r"other +\| (\d+)", said), *(each.pid for each in psutil.Process(run.pid).children())]

    run.send_signal(stop)

    run.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert run.returncode == 0
    assert len(started) == 3
    wait_until(lambda: not any(map(sleeps, started)), "nothing is left")


def read_until(run: subprocess.Popen[str], is_enough: Callable[[str], bool]) -> str:
    """What it prints until that is enough."""
    assert run.stdout is not None
    said = ""
    patience = threading.Timer(READY_WITHIN_SECONDS, run.kill)
    patience.start()
    for line in run.stdout:
        said += line
        if is_enough(said):
            patience.cancel()
            return said
    patience.cancel()
    pytest.fail(f"never enough: {said}")


def sleeps(pid: str | int) -> bool:
    """Whether it is still there and what it was."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(pid))
        return process.name() == "sleep" and process.status() != psutil.STATUS_ZOMBIE
    return False
