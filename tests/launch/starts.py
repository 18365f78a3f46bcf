"""Runs of `make run` in folders of their own, and how to tell that nothing of them is left."""

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psutil
import pytest

from tests.launch.warm_python import ROOT, WarmProcess, WarmPython
from tests.machine_environment import HANDED_ON
from tests.reserved_port import ReservedPort
from tests.running_system import wait_until

#: Both are for a machine that is busy with something else; nobody waits for longer than it takes.
READY_WITHIN_SECONDS = 90
ENDS_WITHIN_SECONDS = 60
# A word of each command that none of the others has.
COMMANDS = {"web": "wsgi:app", "worker": "worker", "beat": "beat"}
# Every process that a start begets inherits it, and so is found however far it strays.
MARK = "QUATRAIN_TEST_MARK"


class Begin(Protocol):
    """Starts with nothing but the given variables."""

    def __call__(self, **variables: object) -> "Start": ...


@dataclass
class Start:
    """One run of `make run` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[str] | WarmProcess
    mark: str
    lines: list[str] = field(default_factory=list)

    def family(self) -> list[psutil.Process]:
        """The processes that live because of it, whoever their parent is by now."""
        return [process for process in psutil.process_iter() if self._begot(process)]

    def _begot(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Redis writes its title over its environment, and who was forked keeps another's; both work in the folder.
            return process.environ().get(MARK) == self.mark or Path(process.cwd()).is_relative_to(self.folder)
        except psutil.Error:
            return False

    def processes(self) -> dict[str, psutil.Process]:
        """Those that it has started itself and that have got as far as their own program, by name."""
        found: dict[str, psutil.Process] = {}
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                command = process.cmdline()
                found |= {name: process for name, word in COMMANDS.items() if word in command}
                if process.name() in {"redis-server", "valkey-server"}:
                    found["redis"] = process
        return found

    def read_until(self, wanted: str) -> str:
        """Read on until a line holds ``wanted``; return all lines. Fails when the output ends first."""
        assert self.process.stdout is not None
        with self._killed_after(READY_WITHIN_SECONDS):
            for line in self.process.stdout:
                self.lines.append(line)
                if wanted in line:
                    return "".join(self.lines)
        pytest.fail(f"{wanted!r} never came:\n{''.join(self.lines)}")

    def end(self) -> int:
        """Read the rest and wait; return the exit code."""
        assert self.process.stdout is not None
        with self._killed_after(ENDS_WITHIN_SECONDS):
            self.lines += self.process.stdout
            return self.process.wait()

    def wait_until_nothing_is_left(self) -> None:
        """What was killed is gone a moment later."""
        wait_until(lambda: not self.family(), "nothing of it is left", ENDS_WITHIN_SECONDS)

    def kill_all(self) -> None:
        """Let nothing of it be left, and forget it."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        wait_until(self._kills_nobody, "all of it is killed", ENDS_WITHIN_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _kills_nobody(self) -> bool:
        family = self.family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return not family

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        patience = threading.Timer(seconds, self.process.kill)
        patience.start()
        try:
            yield
        finally:
            patience.cancel()


@contextmanager
def starts_in(folder: Path, warm_python: WarmPython | None = None) -> Iterator[Begin]:
    """Starts `make run` in ``folder``, forked from ``warm_python`` where there is one; afterwards nothing is left."""
    begun: list[Start] = []

    def begin(**variables: object) -> Start:
        mark = uuid4().hex
        env = {**HANDED_ON, "PORT": str(port.number), MARK: mark}
        env |= {name: str(value) for name, value in variables.items()}
        process = warm_python.start(folder, env) if warm_python else _cold_start(folder, env)
        begun.append(Start(folder, process, mark))
        return begun[-1]

    with ReservedPort() as port:
        try:
            yield begin
        finally:
            for run in begun:
                run.kill_all()


def _cold_start(folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "launch", "--folder", folder],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def env_in(folder: Path) -> dict[str, str]:
    """What the .env file in ``folder`` assigns."""
    lines = [line for line in (folder / ".env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def status_of(port: int, path: str) -> int:
    """The HTTP status with which ``path`` is answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


@contextmanager
def somebody_listening() -> Iterator[int]:
    """A port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
