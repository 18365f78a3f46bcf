"""Runs of `make run` in folders of their own, and how to tell that nothing of them is left."""

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.machine_environment import HANDED_ON

ROOT = Path(__file__).parent.parent.parent
READY_WITHIN_SECONDS = 90
ENDS_WITHIN_SECONDS = 20
# A word of each command that none of the others has.
COMMANDS = {"web": "wsgi:app", "worker": "worker", "beat": "beat"}
# Every process that a start begets inherits it, and so is found however far it strays.
MARK = "QUATRAIN_TEST_MARK"


@dataclass
class Start:
    """One run of `make run` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[str]
    mark: str
    lines: list[str] = field(default_factory=list)

    def family(self) -> list[psutil.Process]:
        """The processes that live because of it, whoever their parent is by now."""
        return [process for process in psutil.process_iter() if self._begot(process)]

    def _begot(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Redis writes its title over its environment; it works in the folder.
            return process.environ().get(MARK) == self.mark or Path(process.cwd()).is_relative_to(self.folder)
        except psutil.Error:
            return False

    def processes(self) -> dict[str, psutil.Process]:
        """Those that it has started itself and that have got as far as their own program, by name."""
        found = {}
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                command = process.cmdline()
                found |= {name: process for name, word in COMMANDS.items() if word in command}
                if process.name() == "redis-server":
                    found["redis"] = process
        return found

    def read_until(self, wanted: str) -> str:
        """Read on until a line holds ``wanted``; return all lines. Fails when the output ends first."""
        assert self.process.stdout is not None
        patience = threading.Timer(READY_WITHIN_SECONDS, self.process.kill)
        patience.start()
        for line in self.process.stdout:
            self.lines.append(line)
            if wanted in line:
                patience.cancel()
                return "".join(self.lines)
        patience.cancel()
        pytest.fail(f"{wanted!r} never came:\n{''.join(self.lines)}")

    def end(self) -> int:
        """Read the rest and wait; return the exit code."""
        rest, _ = self.process.communicate(timeout=ENDS_WITHIN_SECONDS)
        self.lines.append(rest)
        return self.process.returncode


@contextmanager
def starts_in(folder: Path) -> Iterator[Callable[..., Start]]:
    """Starts `make run` in ``folder`` with nothing but the given variables; afterwards nothing of it is left."""
    begun: list[Start] = []

    def begin(**variables: object) -> Start:
        mark = uuid4().hex
        env = {**HANDED_ON, "PORT": str(free_port()), MARK: mark}
        process = subprocess.Popen(
            [sys.executable, "-m", "launch", "--folder", folder],
            env=env | {name: str(value) for name, value in variables.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(Start(folder, process, mark))
        return begun[-1]

    try:
        yield begin
    finally:
        for run in begun:
            for process in run.family():
                process.kill()
            run.process.communicate()


def env_in(folder: Path) -> dict[str, str]:
    """What the .env file in ``folder`` assigns."""
    lines = [line for line in (folder / ".env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def status_of(port: int, path: str) -> int:
    """The HTTP status with which ``path`` is answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def somebody_listening() -> Iterator[int]:
    """A port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
