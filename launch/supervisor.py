"""Keeps processes running: one that ends by itself is started again, and all are stopped when a signal comes."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from launch.least_environment import environment_of
from launch.output import Output
from launch.procfile import ProcfileProcess

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.1
PATIENCE_SECONDS = 5.0
AT_ONCE = 0.0


class Program(Protocol):
    """What can be kept running."""

    name: str

    @property
    def printed_where(self) -> str:
        """Half a sentence: where to read what it printed."""

    def spawn(self) -> None:
        """Start its process, which ends with the thread that calls this; do not wait for it. Raises ``OSError``."""

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when one ended it."""


class RestartPause:
    """How long one that ended is left alone: longer after each quick end, short again once it was steady."""

    def __init__(self) -> None:
        self._next_seconds = FIRST_PAUSE_SECONDS

    def seconds_after(self, lived_seconds: float) -> float:
        """The pause after a life of ``lived_seconds``."""
        pause = FIRST_PAUSE_SECONDS if lived_seconds >= STEADY_AFTER_SECONDS else self._next_seconds
        self._next_seconds = min(2 * pause, MAX_PAUSE_SECONDS)
        return pause


class _Watched:
    """A program, when it was started, and when it is to be started if it does not run."""

    def __init__(self, program: Program, pause: RestartPause, due_at: float | None) -> None:
        self.program = program
        self.pause = pause
        self.started_at = time.monotonic()
        self.due_at = due_at


class Supervisor:
    """Runs the commands until a signal comes; ``others`` run already and are kept running, but are not stopped.

    To be used in the main thread: signals arrive there, and what a thread has started ends with it.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        env: Mapping[str, str],
        cwd: Path,
        others: Iterable[Program] = (),
        new_pause: Callable[[], RestartPause] = RestartPause,
    ) -> None:
        #: Which one ended before all was ready, which stops all; empty after a signal.
        self.gave_up_because = ""
        self._output = Output(commands)
        self._processes = [
            ProcfileProcess(name, command, env=environment_of(name, env), cwd=cwd, print_line=self._output.add)
            for name, command in commands.items()
        ]
        self._watched = [_Watched(program, new_pause(), due_at=None) for program in others]
        self._watched += [_Watched(process, new_pause(), due_at=AT_ONCE) for process in self._processes]
        self._was_ready = threading.Event()
        self._signal_came = False

    def run(self, wait_until_ready: Callable[[], None], announce: Callable[[], None]) -> None:
        """Run until a signal, or until one ends before all was ready. Whatever happens, no process is left on return.

        The two functions are called one after the other in a thread; once the first returns, nothing is given up.
        """
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._note_signal)  # and for good: what our caller has to stop is stopped in peace
        try:
            self._look_after_all()
            threading.Thread(target=self._get_ready, args=[wait_until_ready, announce], daemon=True).start()
            while not self._signal_came and not self.gave_up_because:
                self._output.print_for(LOOK_EVERY_SECONDS)
                self._look_after_all()
            self._ask_all_to_end()
        finally:
            for process in self._processes:
                process.kill()
            self._output.print_rest()

    def _note_signal(self, _signum: int, _frame: object) -> None:
        self._signal_came = True

    def _get_ready(self, wait_until_ready: Callable[[], None], announce: Callable[[], None]) -> None:
        wait_until_ready()
        self._was_ready.set()
        announce()

    def _look_after_all(self) -> None:
        """Start those whose time has come, and see who has ended."""
        now = time.monotonic()
        for watched in self._watched:
            if watched.due_at is None:
                code = watched.program.exit_code()
                if code is not None:
                    self._start_later(watched, f"ended (exit code {code})")
            elif watched.due_at <= now:
                self._start(watched)

    def _start(self, watched: _Watched) -> None:
        again = "" if watched.due_at == AT_ONCE else " again"
        watched.started_at, watched.due_at = time.monotonic(), None
        try:
            watched.program.spawn()
        except OSError as fault:  # no memory or no process to spare; that may pass
            self._start_later(watched, f"cannot be started ({fault.strerror or fault})")
        else:
            self._output.say(f"{watched.program.name} started{again}")

    def _start_later(self, watched: _Watched, what_happened: str) -> None:
        """After a pause; but before all was ready once, give up: what can never work must not be tried for ever."""
        program, now = watched.program, time.monotonic()
        pause = watched.pause.seconds_after(now - watched.started_at)
        watched.due_at = now + pause
        if self._was_ready.is_set():
            self._output.say(f"{program.name} {what_happened}, is started again in {pause:g} s")
        elif not self.gave_up_because:
            self.gave_up_because = f"{program.name} {what_happened} before all was ready; {program.printed_where}"

    def _ask_all_to_end(self) -> None:
        """And give them time; who needs more is killed by our caller."""
        for process in self._processes:
            process.ask_to_end()
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and any(process.is_running() for process in self._processes):
            self._output.print_for(LOOK_EVERY_SECONDS)
