"""The processes of the Procfile, run together by honcho until one ends or somebody stops them."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import SIGNALS, Manager
from honcho.printer import Message, Printer
from honcho.process import Popen, Process

from launch.child_process import die_with_parent, dying_with_parent, end_group

# honcho knows SIGINT and SIGTERM; this one comes when the terminal is closed.
SIGNALS[signal.SIGHUP] = {"name": "SIGHUP", "rc": 129}
STARTED_WITHIN_SECONDS = 10


def read_procfile(procfile: Path) -> dict[str, str]:
    """Name -> command."""
    return dict(parse_procfile(procfile.read_text()).processes)


def run_release(command: str, env: Mapping[str, str], cwd: Path, log: Path) -> int:
    """Run ``command`` to its end with its output in ``log``; return its exit code. Nothing of it outlives a signal."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S602  # the command is a line of our own Procfile, written for a shell
            command,
            shell=True,
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


class ProcfileRunner(Manager):
    """Runs the commands, prints what they print, and stops them all when one ends or a signal comes."""

    def __init__(self, commands: Mapping[str, str], env: Mapping[str, str], cwd: Path) -> None:
        super().__init__(printer=_PatientPrinter())
        self._process_ctor = _MortalProcess
        self.ended_by_itself = ""
        for name, command in commands.items():
            self.add_process(name, command, env=dict(env), cwd=str(cwd))

    def run(self, once_started: Callable[[], None]) -> None:
        """Run until every process has ended; ``once_started`` runs meanwhile in a thread.

        Whatever happens, no process is left on return. ``ended_by_itself`` then says which one ended first without
        being told to, and is empty after a signal.
        """
        self._once_started = once_started
        try:
            self.loop()
        finally:
            self._leave_nothing()

    def terminate(self) -> None:
        """Tell all to stop; honcho calls this for a signal and for a process that ended, of which the first counts."""
        if not self._terminating and self._any_stopped():
            self.ended_by_itself = next(
                f"{name} ended by itself (exit code {process['returncode']})"
                for name, process in self._processes.items()
                if process.get("returncode") is not None
            )
        super().terminate()

    def _start(self) -> None:
        # A signal before all process ids are known would make honcho fail: it is noted and handled afterwards.
        handler = signal.getsignal(signal.SIGTERM)
        early: list[int] = []
        for signum in SIGNALS:
            signal.signal(signum, lambda number, _: early.append(number))
        super()._start()
        self._wait_for_pids()
        for signum in SIGNALS:
            signal.signal(signum, handler)
        if early and callable(handler):
            handler(early[0], None)
        threading.Thread(target=self._once_started, daemon=True).start()

    def _wait_for_pids(self) -> None:
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        later = []
        while not self._all_started():
            message = self.events.get(timeout=max(until - time.monotonic(), 0))
            if message.type == "start":
                self._processes[message.name]["pid"] = message.data["pid"]
            else:
                later.append(message)
        for message in later:
            self.events.put(message)

    def _leave_nothing(self) -> None:
        for process in self._processes.values():
            if "pid" in process:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process["pid"], signal.SIGKILL)


class _MortalProcess(Process):
    """A process, and honcho's reader of its output, that end when the one who started them is killed."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        die_with_parent(signal.SIGKILL)
        # The terminal tells the reader as well; it must live until its process has said its last word.
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        self._child_ctor = partial(Popen, preexec_fn=_listen_to_signals_again)
        super().run(events, ignore_signals)


def _listen_to_signals_again() -> None:
    die_with_parent(signal.SIGTERM)
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


class _PatientPrinter(Printer):
    """Prints where it can: a closed terminal, or a signal in the middle of a line, must not keep us from stopping."""

    def write(self, message: Message) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            super().write(message)
