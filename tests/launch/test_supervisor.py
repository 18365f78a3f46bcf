"""One that ends is started again, and the others never notice."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from launch.supervisor import RestartPause
from providers.kinds import ProviderKind, StageType
from tests.http_session import Browser
from tests.launch.starts import ENDS_WITHIN_SECONDS, ROOT, Start, env_in, free_port, starts_in, status_of
from tests.running_system import wait_until


def test_the_pause_grows_with_quick_ends_up_to_half_a_minute() -> None:
    pause = RestartPause()

    assert [pause.seconds_after(3) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_pause_is_short_again_after_a_steady_minute() -> None:
    pause = RestartPause()
    for _ in range(4):
        pause.seconds_after(59)

    assert [pause.seconds_after(lived) for lived in (60, 59, 59)] == [0.5, 1, 2]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a supervisor of shell commands, which may wait for the file "ready"."""
    lines = [
        "from pathlib import Path",
        "from launch.supervisor import Supervisor",
        f"folder = Path({str(tmp_path)!r})",
        "supervisor = Supervisor(COMMANDS, {}, folder)",
        "supervisor.run(lambda: None, (folder / 'ready').touch)",
    ]
    begun = []

    def begin(**commands: str) -> subprocess.Popen[str]:
        program = "\n".join(lines).replace("COMMANDS", repr(commands))
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
    failing = "until [ -e ready ]; do sleep 0.01; done; sleep 60 & echo $!; exit 70"
    run = supervise(steady="exec sleep 60", failing=failing)
    assert run.stdout is not None
    said = []
    for line in run.stdout:
        said.append(line.split(" ", 1)[1].strip())
        if "is started again in 4 s" in line:
            break
    left = [int(line.removeprefix("failing | ")) for line in said if line.startswith("failing | ")]
    steady = [process.pid for process in psutil.Process(run.pid).children()]

    assert said[3] == "system  | failing ended (exit code 70), is started again in 0.5 s"
    assert set(said[4:6]) == {"system  | failing started again", f"failing | {left[1]}"}  # who is quicker, is first
    assert [is_alive(pid) for pid in (*left, *steady)] == [False] * 4 + [True]

    run.send_signal(signal.SIGINT)

    began = time.monotonic()
    rest, _ = run.communicate(timeout=ENDS_WITHIN_SECONDS)
    assert time.monotonic() - began < 4
    assert "started" not in rest
    assert [is_alive(pid) for pid in steady] == [False]


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def run(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """One for the module: a start costs seconds, and after each test everything runs again."""
    with starts_in(tmp_path_factory.mktemp("run")) as begin:
        run = begin(PORT=port, SWEEP_INTERVAL_SECONDS=1)
        run.read_until("Ctrl-C stops it")
        yield run


def answers(port: int) -> bool:
    with suppress(OSError):
        return status_of(port, "/readyz") == 200
    return False


def addresses_of(redis: psutil.Process) -> set[tuple[str, int]]:
    """Where it listens."""
    return {tuple(it.laddr) for it in redis.net_connections() if it.status == psutil.CONN_LISTEN}


def kill(name: str, run: Start) -> dict[str, tuple[psutil.Process, psutil.Process]]:
    """kill -9; when all run again, each with the process that it was and the one that it is."""
    before = run.processes()
    before[name].kill()
    run.read_until(f"{name} ended (exit code -9), is started again in 0.5 s")
    run.read_until(f"{name} started again")
    after = wait_until(lambda: (now := run.processes()).keys() == before.keys() and now, "all run again")
    return {each: (before[each], after[each]) for each in before}


@pytest.mark.processes
@pytest.mark.parametrize("name", ["web", "worker"])
def test_one_that_is_killed_is_back_and_the_others_go_on(name: str, run: Start, port: int) -> None:
    processes = kill(name, run)

    assert processes.keys() == {"redis", "web", "worker", "beat"}
    assert [each for each, (before, after) in processes.items() if before != after] == [name]
    wait_until(lambda: answers(port), "ready again")


@pytest.mark.processes
def test_a_redis_that_is_killed_is_back_at_its_address_and_a_poem_is_made(run: Start, port: int) -> None:
    admin = Browser(f"http://127.0.0.1:{port}")
    admin.sign_in("admin", env_in(run.folder)["ADMIN_PASSWORD"])
    admin.save_section(StageType.POEM, ProviderKind.DUMMY)
    address = addresses_of(run.processes()["redis"])

    processes = kill("redis", run)

    assert [each for each, (before, after) in processes.items() if before != after] == ["redis"]
    wait_until(lambda: addresses_of(processes["redis"][1]) == address, "the same address")
    brief = {"recipient": "Анна", "occasion": "60 лет", "details": "любит море", "tone": "тепло", "language": "ru"}
    placed = admin.post("/admin/orders/new", "/admin/orders/new", **brief, stages="POEM")
    order = placed.headers["Location"]
    wait_until(lambda: 'data-say="Стих: готов' in admin.get(order).text, "the poem is made", 60)
