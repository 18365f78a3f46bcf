"""Lets the quick tests look at one mutant, in a process of its own that has imported everything before."""

import contextlib
import functools
import gc
import io
import os
import resource
import signal
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FunctionType

import hypothesis
import pytest

from launch.child_process import die_with_parent
from tests import running_system
from tests.mutants.mutant import Mutant

#: In place of what pyproject.toml adds: no processes beside each other, and nothing left behind.
OPTIONS = ["-o", "addopts=", "-p", "no:celery", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
OPTIONS += ["-p", "tests.mutants.quick_tests", "-x", "-q", "--no-header", "--tb=short"]
# In one process after the other pytest starts anew, and finds its plugins imported.
OPTIONS += ["-W", "ignore:Module already imported so cannot be rewritten"]
#: A busy machine is slow, and a mutant that goes round in circles is not to be waited for.
PATIENCE_SECONDS = 30.0
TIMES_AS_LONG = 10
#: What a mutant keeps from coming is not waited for until the whole trial is over.
SHORT_PATIENCE_SECONDS = 10.0
MAX_MEMORY = 4 * 2**30
#: An exit code that pytest has no use for.
NOT_TRIED = 99

#: The functions that exist, by file, and what remembers their results.
FUNCTIONS: dict[str, list[FunctionType]] = {}
CACHES: list[functools._lru_cache_wrapper] = []


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMEOUT = "timeout"
    NOT_COVERED = "not covered"


@dataclass
class Trial:
    """Tests that run in a process of their own."""

    mutant: Mutant
    pid: int
    until: float
    folder: tempfile.TemporaryDirectory[str]


def begin(mutant: Mutant, tests: list[str], seconds: float) -> Trial:
    """Start tests in a world with a change; without it they took so many seconds."""
    folder = tempfile.TemporaryDirectory(prefix="quatrain-mutant-", ignore_cleanup_errors=True)
    pid = os.fork()
    if pid == 0:
        _be_quiet()
        _run(Path(folder.name), tests, [], mutant)
    return Trial(mutant, pid, time.monotonic() + PATIENCE_SECONDS + TIMES_AS_LONG * seconds, folder)


def ended(trial: Trial) -> Verdict | None:
    """What became of it, or None as long as the tests run."""
    pid, status = os.waitpid(trial.pid, os.WNOHANG)
    if pid == 0:
        if time.monotonic() < trial.until:
            return None
        stop(trial)
        return Verdict.TIMEOUT
    trial.folder.cleanup()
    assert os.waitstatus_to_exitcode(status) != NOT_TRIED, f"{trial.mutant.name} cannot be tried"
    return Verdict.SURVIVED if status == 0 else Verdict.KILLED


def stop(trial: Trial) -> None:
    """End the tests with all that they have started."""
    # Whoever was interrupted just now may have seen its end already.
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.killpg(trial.pid, signal.SIGKILL)
        os.waitpid(trial.pid, 0)
    trial.folder.cleanup()


def import_tests(tests: str) -> None:
    """Import the tests and what they are about, once for all."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        found = pytest.main([*OPTIONS, "--collect-only", tests])
    assert found == 0, told.getvalue()
    gc.collect()
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            FUNCTIONS.setdefault(thing.__code__.co_filename, []).append(thing)
        elif isinstance(thing, functools._lru_cache_wrapper):
            CACHES.append(thing)
    # Or each of the processes to come would look through it all, and copy it.
    gc.freeze()


def put_in(mutant: Mutant) -> None:
    """Let the functions that exist do what the mutant's do, whatever decorates them and whoever has imported them."""
    new = dict(mutant.codes())
    for function in FUNCTIONS[mutant.file]:
        code = new.get(function.__code__)
        # A function within another, made before, cannot get at more variables; what tests make from now on can.
        if code is not None and code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code
    for each in CACHES:
        each.cache_clear()


def passes(tests: str, plugin: object) -> bool:
    """Whether the tests pass without any change, run in the same way; what they say is printed."""
    with tempfile.TemporaryDirectory(prefix="quatrain-mutant-") as folder:
        pid = os.fork()
        if pid == 0:
            _run(Path(folder), [tests], [plugin])
        try:
            return os.waitpid(pid, 0)[1] == 0
        except KeyboardInterrupt:
            os.killpg(pid, signal.SIGKILL)
            raise


def _be_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _run(folder: Path, tests: list[str], plugins: list[object], mutant: Mutant | None = None) -> None:
    status = NOT_TRIED
    try:
        os.setsid()
        die_with_parent(signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        # A failure of a mutant is nothing that Hypothesis should remember.
        hypothesis.settings.register_profile("mutants", database=None)
        hypothesis.settings.load_profile("mutants")
        if mutant:
            running_system.PATIENCE_SECONDS = SHORT_PATIENCE_SECONDS
            put_in(mutant)
        status = int(pytest.main([*OPTIONS, *tests], plugins))
    finally:
        os._exit(status)
