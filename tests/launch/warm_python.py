"""Starts of `make run` in milliseconds: forked from a Python that has imported beforehand what takes a second."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).parent.parent.parent


class WarmPython:
    """``fork_server`` as a process, to be asked by one thread; a context manager."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.launch.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._answers = self._control.makefile("rb")

    def start(self, folder: Path, env: Mapping[str, str]) -> "WarmProcess":
        """Run `make run` in ``folder`` with nothing but ``env``, in a session of its own."""
        ours, theirs = os.pipe()
        pid = self._ask({"folder": str(folder), "env": dict(env)}, theirs)
        os.close(theirs)
        return WarmProcess(self, pid, os.fdopen(ours))

    def exit_code_of(self, pid: int) -> int:
        """Wait until it has ended."""
        return self._ask({"ended": pid})

    def _ask(self, question: dict[str, object], *descriptors: int) -> int:
        socket.send_fds(self._control, [json.dumps(question).encode() + b"\n"], descriptors)
        return int(self._answers.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._control.close()
        self._process.wait()


class WarmProcess:
    """A start that was forked. Its attributes and methods are those of ``subprocess.Popen``."""

    def __init__(self, python: WarmPython, pid: int, stdout: IO[str]) -> None:
        self._python = python
        self._exit_code: int | None = None
        self.pid = pid
        self.stdout = stdout

    def send_signal(self, signum: int) -> None:
        """To it alone."""
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """kill -9, unless it was waited for."""
        if self._exit_code is None:
            self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code once it has ended; minus the signal's number when one ended it. Safe twice."""
        if self._exit_code is None:
            self._exit_code = self._python.exit_code_of(self.pid)
        return self._exit_code
