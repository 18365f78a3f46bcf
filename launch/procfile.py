"""The Procfile: what it names, and each of its lines as a process."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from honcho.environ import parse_procfile

from launch.child_process import dying_with_parent, end_group

LAST_WORDS_WITHIN_SECONDS = 5  # a busy machine may take its time


def read_procfile(procfile: Path) -> dict[str, str]:
    """Name -> command."""
    return dict(parse_procfile(procfile.read_text()).processes)


def run_release(command: str, env: Mapping[str, str], cwd: Path, log: Path) -> int:
    """Run ``command`` to its end with its output in ``log``; return its exit code. Nothing of it outlives a signal."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S602  # the command is a line of our own Procfile, written for a shell
            command,
            shell=True,  # nosec B602
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dying_with_parent(),  # noqa: PLW1509  # no thread runs yet
        )
        try:
            return process.wait()
        finally:
            end_group(process)


class ProcfileProcess:
    """One line of the Procfile as a process, which leads a group of its own and can be started again and again."""

    printed_where = "what it printed is above"

    def __init__(
        self, name: str, command: str, *, env: Mapping[str, str], cwd: Path, print_line: Callable[[str, bytes], None]
    ) -> None:
        """``print_line`` gets the name and each line that is printed; a thread calls it."""
        self.name = name
        self._command = command
        self._env = dict(env)
        self._cwd = cwd
        self._print_line = print_line
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._exit_code: int | None = None

    def spawn(self) -> None:
        """Start it. It ends with the thread that calls this. Raises ``OSError``."""
        self._process = subprocess.Popen(  # noqa: S602  # the command is a line of our own Procfile, written for a shell
            self._command,
            shell=True,  # nosec B602
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us
            preexec_fn=dying_with_parent(),  # noqa: PLW1509  # it takes no lock
        )
        self._reader = threading.Thread(target=self._read, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def is_running(self) -> bool:
        """Once false, nothing of its group is left and its last words have been passed on."""
        if self._process is not None and self._process.poll() is not None:
            self.kill()
        return self._process is not None

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when one ended it."""
        return None if self.is_running() else self._exit_code

    def ask_to_end(self) -> None:
        """SIGTERM to it and to all that it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it has started, and wait until they are gone. Safe twice."""
        if self._process is None or self._reader is None:
            return
        end_group(self._process, signal.SIGKILL)
        self._reader.join(LAST_WORDS_WITHIN_SECONDS)  # somebody who left the group may hold the pipe for ever
        self._exit_code = self._process.returncode
        self._process = None

    def _read(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._print_line(self.name, line)
