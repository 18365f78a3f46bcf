"""`make run` from the first line to the last: ready, kept running, stopped in every way, no process left behind."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from launch.embedded_redis import find_redis_server
from providers.kinds import ProviderKind, StageType
from tests.http_session import Browser
from tests.launch.starts import ENDS_WITHIN_SECONDS, Begin, Start, env_in, starts_in, status_of
from tests.launch.warm_python import WarmPython
from tests.reserved_port import ReservedPort
from tests.running_system import wait_until

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whom", [os.kill, os.killpg])
def test_a_signal_while_it_starts_leaves_nothing(
    stop: signal.Signals, whom: Callable[[int, int], None], start: Begin
) -> None:
    run = start()
    run.read_until("Made ")

    whom(run.process.pid, stop)

    assert run.end() == 0
    run.wait_until_nothing_is_left()


#: Python ignores what a handler raises then.
SIGNAL_IN_A_FORK = """\
import os, signal

def strike():
    global strike
    strike = lambda: None
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(10):
        pass

os.register_at_fork(before=lambda: strike())
"""


def test_a_signal_while_it_forks_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SIGNAL_IN_A_FORK)

    with starts_in(tmp_path) as begin:
        run = begin(PYTHONPATH=tmp_path)

        assert run.end() == 0
        run.wait_until_nothing_is_left()
        assert "Exception ignored" in "".join(run.lines)


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What could be seen of a start and of its end by Ctrl-C."""

    run: Start
    port: int
    said: str
    healthz: int
    commands: list[str]
    exit_code: int


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """One for all starts of the module."""
    with ReservedPort() as port:
        yield port.number


@pytest.fixture(scope="module")
def first_run(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    """One for all that look at it: a start costs seconds."""
    with starts_in(tmp_path_factory.mktemp("first")) as begin:
        run = begin(PORT=port)
        said = run.read_until("Ctrl-C stops it")
        healthz = status_of(port, "/healthz")
        commands = [" ".join(process.cmdline()) for process in run.family()]
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: the whole foreground group at once
        yield FirstRun(run, port, said, healthz, commands, run.end())


def test_it_gets_ready_and_tells_where_to_go(first_run: FirstRun) -> None:
    folder, said = first_run.run.folder, first_run.said

    assert f"Quatrain is ready: http://127.0.0.1:{first_run.port}/admin\n" in said
    assert (
        f"Administrator: admin; the password is in {folder}/.env (ADMIN_PASSWORD), unless it was changed since\n"
        in said
    )
    assert env_in(folder)["ADMIN_PASSWORD"] not in said
    assert first_run.healthz == 200
    for name in ("gunicorn", "celery_app worker", "celery_app beat", find_redis_server().name):
        assert any(name in command for command in first_run.commands)


def test_ctrl_c_ends_all_of_it(first_run: FirstRun) -> None:
    assert first_run.exit_code == 0
    first_run.run.wait_until_nothing_is_left()
    assert "Traceback" not in "".join(first_run.run.lines)


@pytest.fixture(scope="module")
def run(first_run: FirstRun, warm_python: WarmPython) -> Iterator[Start]:
    """The second start where the first one was; after each test but the last everything runs again."""
    with starts_in(first_run.run.folder, warm_python) as begin:
        began = time.monotonic()
        run = begin(PORT=first_run.port, SWEEP_INTERVAL_SECONDS=1)
        run.read_until("Ctrl-C stops it")
        log.info("the second start was ready after %.1f s", time.monotonic() - began)
        yield run


def test_a_second_start_keeps_what_the_first_one_made(first_run: FirstRun, run: Start) -> None:
    assert "Made " in first_run.said
    assert "Made " not in "".join(run.lines)


@pytest.mark.parametrize("name", ["worker", pytest.param("web", marks=pytest.mark.thorough)])
def test_one_that_is_killed_is_back_and_the_others_go_on(name: str, run: Start, port: int) -> None:
    processes = kill(name, run)

    assert processes.keys() == {"redis", "web", "worker", "beat"}
    assert [each for each, (before, after) in processes.items() if before != after] == [name]
    assert f"{name} ended (exit code -9), is started again in 0.5 s" in "".join(run.lines)
    wait_until(lambda: is_ready(port), "ready again", 60)


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_kill_that_cannot_be_caught_takes_all_of_it_down_and_what_was_started_again(run: Start) -> None:
    kill("redis", run)
    assert len(run.family()) >= 7  # web counts three times

    run.process.kill()

    run.wait_until_nothing_is_left()


@pytest.mark.thorough
def test_sigterm_ends_all_of_it(first_run: FirstRun, warm_python: WarmPython) -> None:
    with starts_in(first_run.run.folder, warm_python) as begin:
        run = begin()
        run.read_until("Ctrl-C stops it")

        run.process.send_signal(signal.SIGTERM)

        assert run.end() == 0
        run.wait_until_nothing_is_left()


def kill(name: str, run: Start) -> dict[str, tuple[psutil.Process, psutil.Process]]:
    """kill -9; when all run again, each with the process that it was and the one that it is."""
    before = run.processes()
    before[name].kill()
    run.read_until(f"{name} ended (exit code -9), is started again in ")
    run.read_until(f"{name} started again")
    after = wait_until(
        lambda: now if (now := run.processes()).keys() == before.keys() else {}, "all run again", ENDS_WITHIN_SECONDS
    )
    return {each: (before[each], after[each]) for each in before}


def is_ready(port: int) -> bool:
    with suppress(OSError):
        return status_of(port, "/readyz") == 200
    return False


def addresses_of(redis: psutil.Process) -> set[tuple[str, int]]:
    """Where it listens."""
    return {tuple(it.laddr) for it in redis.net_connections() if it.status == psutil.CONN_LISTEN}
