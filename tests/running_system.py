"""Quatrain as it runs in production: the processes of the Procfile on a Redis of their own."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import requests

from domain.accounts.api_tokens import Rights, Scope, new_api_token
from launch.child_process import end_group
from launch.embedded_redis import EmbeddedRedis
from launch.least_environment import environment_of
from launch.procfile import read_procfile
from tests.held_socket import HeldSocket
from tests.http_session import Api, Browser, Hearer
from tests.machine_environment import FAREWELL, HANDED_ON
from tests.prepared_database import add_row, prepare
from tests.reserved_port import ReservedPort

ROOT = Path(__file__).parent.parent
#: On a machine that is busy with ten other things.
READY_WITHIN_SECONDS = 180
#: Longer than gunicorn gives the requests that it still answers.
ENDS_WITHIN_SECONDS = 60
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.05, 0.25
#: How long what a test waits for may take on a machine that is busy with something else.
PATIENCE_SECONDS = 60.0
Answer = TypeVar("Answer")
PASSWORD = "correct-horse-battery"
_reserved: list[ReservedPort] = []


def wait_until(question: Callable[[], Answer | None], what: str, seconds: float | None = None) -> Answer:
    """The first true answer to ``question``, at most a twentieth of the time late. Fails the test when none comes."""
    seconds = PATIENCE_SECONDS if seconds is None else seconds
    began = time.monotonic()
    while True:
        answer = question()
        if answer:
            return answer
        waited = time.monotonic() - began
        assert waited < seconds, f"not in {seconds:g} s: {what}; last answer: {answer!r}"
        # Most questions are requests: asked ever so often they would keep those busy who are waited for.
        time.sleep(min(max(waited / 20, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))


class RunningSystem:
    """Web, worker, beat and Redis as processes; a context manager.

    ``folder`` takes data and logs. ``env`` is added to what the processes get; with a REDIS_URL in it there is no Redis
    of their own. ``code`` is where they find the product. ``releases``: whether ``start`` runs the command of the
    Procfile that prepares the database; else it is prepared in a fraction of the time.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        env: Mapping[str, str],
        code: Path = ROOT,
        *,
        releases: bool = False,
    ) -> None:
        self.folder = folder
        self.redis = EmbeddedRedis(folder / "redis")
        self.redis.port = free_port()  # on which it comes back after a fault
        self._releases = releases
        self._code = code
        self.port = int(env.get("PORT") or free_port())
        self._web_socket: HeldSocket | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._replaced: list[subprocess.Popen[bytes]] = []
        self._tokens: dict[str, str] = {}
        self._commands = read_procfile(ROOT / "Procfile")
        self._env = {
            **HANDED_ON,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ADMIN_SECRET_KEY": secrets.token_hex(32),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": PASSWORD,
            "DATABASE_URL": database_url,
            "VAR_DIR": str(folder),
            "PORT": str(self.port),
            "DUMMY_PROVIDER": "1",
            "SWEEP_INTERVAL_SECONDS": "1",
            "REFRESH_INTERVAL_SECONDS": "1",
            "WORKER_THREADS": "8",
            **env,
        }

    @property
    def database_url(self) -> str:
        """Where the rows are."""
        return self._env["DATABASE_URL"]

    @property
    def secret_key(self) -> str:
        """What sessions are signed with."""
        return self._env["SECRET_KEY"]

    @property
    def url(self) -> str:
        """Where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Prepare the database, start everything, wait until it is ready."""
        if "REDIS_URL" not in self._env:
            self.start_redis()
        if self._releases:
            self.command(self._commands["release"])
        else:
            self.prepare_database()
        for name in ("web", "worker", "beat"):
            self.start_process(name)
        wait_until(self._is_ready, f"ready; logs in {self.folder}", READY_WITHIN_SECONDS)
        return self

    def prepare_database(self) -> None:
        """What the command of the Procfile does, without the seconds that a command takes to start."""
        prepare(self.database_url, self._env["ADMIN_USERNAME"], self._env["ADMIN_PASSWORD"])

    def start_redis(self) -> None:
        """Start Redis and tell the processes that are started after it where it is."""
        self._env["REDIS_URL"] = self.redis.start()

    def hold_web_socket(self) -> None:
        """Listen in place of the web process, as systemd can; to be called before ``start``."""
        self._web_socket = HeldSocket(self.port)

    def start_process(self, name: str) -> subprocess.Popen[bytes]:
        """Start one process of the Procfile; its output is appended to ``<name>.log``."""
        command, inherited = ["sh", "-c", self._commands[name]], tuple[int, ...]()
        if name == "web" and self._web_socket is not None:
            command, inherited = self._web_socket.handed_to(command), (self._web_socket.number,)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self._code,
                env=environment_of(name, self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherited,
            )
        return self._processes[name]

    def kill(self, name: str, signum: int = signal.SIGKILL) -> int:
        """End one process and its children with ``signum``, and wait until it is gone; returns its exit code."""
        process = self._processes.pop(name)
        end_group(process, signum, patience_seconds=ENDS_WITHIN_SECONDS)
        return process.wait()

    def restart(self, name: str) -> None:
        """Deploy one process: let it end in good order, then start the new one."""
        self.kill(name, signal.SIGTERM)
        self.start_process(name)

    def replace(self, name: str) -> subprocess.Popen[bytes]:
        """Deploy one process without a pause: start the new one while the old one, which is returned, ends."""
        old = self._processes.pop(name)
        self._replaced.append(old)
        self.start_process(name)
        os.killpg(old.pid, signal.SIGTERM)
        return old

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """One process stands still meanwhile, with all its threads."""
        process = self._processes[name]
        os.killpg(process.pid, signal.SIGSTOP)
        # Its parent is told when the last thread has stopped.
        os.waitpid(process.pid, os.WUNTRACED)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGCONT)

    def command(self, line: str, stdin: str = "") -> str:
        """Run a command of the operator's to its end; returns what it printed. Fails the test if it fails."""
        done = subprocess.run(
            line, shell=True, cwd=self._code, env=self._env, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def browser(self) -> Browser:
        """Somebody who has signed in to the pages."""
        browser = Browser(self.url)
        browser.sign_in("admin", PASSWORD)
        return browser

    def api(self, name: str = "shop", on_answer: Hearer | None = None) -> Api:
        """A program with a token of its own."""
        if name not in self._tokens:
            self._tokens[name] = self._new_token(name)
        return Api(self.url, self._tokens[name], on_answer)

    def _new_token(self, name: str) -> str:
        """One that may do everything, made as the operator's command does it but without the seconds of its start."""
        token, row = new_api_token(name, Rights(frozenset(Scope)))
        add_row(self.database_url, row)
        return token

    def output(self) -> str:
        """Everything that the processes have printed."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End everything, without ceremony: what a deploy does gently is a test of its own."""
        for process in self._replaced:
            # Of one that was waited for the number may be a stranger's by now.
            if process.returncode is None:
                end_group(process, FAREWELL)
        for name in list(self._processes):
            self.kill(name, FAREWELL)
        if self._web_socket is not None:
            self._web_socket.close()
        self.redis.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        ended = [name for name, process in self._processes.items() if process.poll() is not None]
        assert not ended, f"ended instead of getting ready: {ended}; logs in {self.folder}"
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False


def free_port() -> int:
    """A port that nobody else is given while this process lives; its server may go and come back."""
    _reserved.append(ReservedPort())
    return _reserved[-1].number
