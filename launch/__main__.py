"""What `make run` starts: makes .env if there is none, checks what must hold, keeps the Procfile and a Redis running.

Exit code 0 after Ctrl-C, SIGTERM or SIGHUP; 1, after a sentence that says what to do, when it cannot start.
"""

import argparse
import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from launch import env_file
from launch.checks import (
    StartFault,
    check_alerts,
    check_broker,
    check_database,
    check_folder,
    check_media,
    check_port,
    check_redis,
    read_settings,
)
from launch.embedded_redis import EmbeddedRedis, RedisFault
from launch.procfile import read_procfile, run_release
from launch.supervisor import Supervisor
from private_files import write_for_ourselves_alone
from settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SLOW_AFTER_SECONDS = 60
LINES_OF_A_LOG = 5


def main() -> int:
    """Run until stopped; return the exit code."""
    write_for_ourselves_alone()
    parser = argparse.ArgumentParser(description="Start Quatrain: web, worker, beat and, if needed, Redis.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where .env and var/ are (default: here)")
    folder = parser.parse_args().folder
    stop = _Stop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop.note)
    try:
        _start_in(folder, stop)
    except (StartFault, RedisFault) as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


class _Stop:
    """A signal ends a start where it is; but Python ignores what is raised while it forks, so it is remembered too."""

    def __init__(self) -> None:
        self._came = False

    def note(self, signum: int, _frame: object) -> None:
        """The handler of the signals."""
        self._came = True
        raise KeyboardInterrupt(signal.Signals(signum).name)

    def heed(self) -> None:
        """To be called after each process that was begun."""
        if self._came:
            raise KeyboardInterrupt


def _start_in(folder: Path, stop: _Stop) -> None:
    """Check, release, run. Raises ``StartFault`` or ``RedisFault``; no process is left either way."""
    where_password = _read_env_file(folder)
    settings = read_settings()
    check_folder(settings.var_dir)
    check_port(settings.host, settings.port)
    check_database(settings.database_url)
    check_media(settings)
    check_alerts(settings)
    with _broker(settings) as (redis_url, ours):
        stop.heed()
        env = _environment(settings, redis_url)
        commands = read_procfile(ROOT / "Procfile")
        _release(commands.pop("release"), env, settings.var_dir / "release.log")
        stop.heed()
        supervisor = Supervisor(commands, env, ROOT, others=ours)
        supervisor.run(
            wait_until_ready=lambda: _wait_until_ready(settings),
            announce=lambda: _announce(settings, where_password),
        )
    if supervisor.gave_up_because:
        raise StartFault(f"Stopped: {supervisor.gave_up_because}.")


def _read_env_file(folder: Path) -> str:
    """Load .env, which is made if there is none; return where the administrator's password is."""
    given = bool(os.environ.get("ADMIN_PASSWORD"))
    try:
        os.chdir(folder)  # relative folders in .env count from here
        path = Path.cwd() / ".env"
        if env_file.load(path, ROOT / ".env.example"):
            print(f"Made {path} with fresh secrets.", flush=True)
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not text"
        raise StartFault(
            f"{folder / '.env'} cannot be used ({reason}); make it readable and its folder writable."
        ) from None
    if given:
        return "in the environment (ADMIN_PASSWORD), unless it was changed since"
    if os.environ.get("ADMIN_PASSWORD"):
        return f"in {path} (ADMIN_PASSWORD), unless it was changed since"
    return "the one set with: flask --app wsgi admin set-password"


@contextmanager
def _broker(settings: Settings) -> Iterator[tuple[str, list[EmbeddedRedis]]]:
    """The value of REDIS_URL, and the Redis if it is our own; that one is stopped at the end."""
    if settings.broker_url:
        check_broker(settings.broker_url)
        yield settings.redis_url, []
        return
    if settings.redis_url:
        check_redis(settings.redis_url)
        yield settings.redis_url, []
        return
    try:
        ours = EmbeddedRedis(settings.var_dir / "redis")
        ours.start()
    except RedisFault as fault:
        raise StartFault(f"{fault}. Set REDIS_URL to a Redis that runs.".replace("..", ".")) from None
    with ours:
        yield ours.url, [ours]


def _environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """What the processes get: ours, with the paths made absolute and our own programs first."""
    return os.environ | {
        "REDIS_URL": redis_url,
        "VAR_DIR": str(settings.var_dir),
        "MEDIA_DIR": str(settings.media_dir),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def _release(command: str, env: dict[str, str], log: Path) -> None:
    """Bring the database up to date. Raises ``StartFault`` with the end of its log."""
    code = run_release(command, env, ROOT, log)
    if code:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-LINES_OF_A_LOG:])
        raise StartFault(f"The database could not be prepared (exit code {code}); {log} says why, and ends:\n{last}")


def _wait_until_ready(settings: Settings) -> None:
    """Return when /readyz answers 200. Runs in a thread."""
    slow_at = time.monotonic() + SLOW_AFTER_SECONDS
    host, port = _reached_at(settings)
    while not _is_ready(host, port):
        time.sleep(0.2)
        if time.monotonic() > slow_at:
            print(f"Not ready after {SLOW_AFTER_SECONDS} s; {_url(settings)}/readyz says what is missing.", flush=True)
            slow_at = float("inf")


def _announce(settings: Settings, where_password: str) -> None:
    remark = f"  {settings.zone_remark}\n" if settings.zone_remark else ""
    with suppress(OSError):
        print(
            f"\n  Quatrain is ready: {_url(settings)}/admin\n"
            f"  Administrator: {settings.admin_username}; the password is {where_password}\n"
            f"{remark}"
            "  Ctrl-C stops it.\n",
            flush=True,
        )


def _reached_at(settings: Settings) -> tuple[str, int]:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host), settings.port  # noqa: S104


def _url(settings: Settings) -> str:
    host, port = _reached_at(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _is_ready(host: str, port: int) -> bool:
    # http.client, as the urllib and requests would ask the proxy of the environment.
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
