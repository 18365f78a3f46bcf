"""How our processes are started so that nothing outlives its starter."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Looked up now: a child between fork and exec must not wait for a lock, and the loader has one.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(signum: int) -> None:
    """Ask Linux to send ``signum`` to this process when the thread that started it ends, even by kill -9.

    Elsewhere nothing happens: a starter that is killed that hard leaves its children.
    """
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signum)


def dying_with_parent(signum: int = signal.SIGTERM) -> Callable[[], None]:
    """``preexec_fn`` of a ``Popen``. It needs no lock, which another thread of the starter might hold."""
    return lambda: die_with_parent(signum)


def end_group(process: subprocess.Popen[bytes], first: int = signal.SIGTERM, patience_seconds: float = 5) -> None:
    """Send ``first`` to ``process`` and to its group, which it must lead; after the patience, kill them. Safe twice."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, first)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
