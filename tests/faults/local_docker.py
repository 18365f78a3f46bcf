"""pytest-celery's nodes without a Docker engine: each "container" is a process of this machine.

pytest-docker-tools asks a container for very little; this answers that and nothing else.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from launch.child_process import dying_with_parent, end_group
from tests.machine_environment import FAREWELL, HANDED_ON
from tests.reserved_port import LOOPBACK, ReservedPort

#: What stands in a command for the port to listen on, and, as Celery has it, for the name of the host.
PORT, HOST = "%p", "%h"


class LocalContainer:
    """One process in a group of its own. Its attributes and methods are those of docker-py's ``Container``."""

    def __init__(
        self, folder: Path, command: Sequence[str], env: Mapping[str, str], port_name: str, working_dir: str | None
    ) -> None:
        self.id = uuid4().hex
        self.name = f"local-{self.id[:12]}"
        self._log = folder / f"{self.name}.log"
        self._port_name, self._port = port_name, ReservedPort()
        self._command = [part.replace(PORT, str(self._port.number)).replace(HOST, self.id[:12]) for part in command]
        # Programs that pip installed are beside the interpreter, which need not be on the path.
        path = os.pathsep.join([str(Path(sys.executable).parent), HANDED_ON["PATH"]])
        self._env = {**HANDED_ON, "PATH": path, **env}
        self._working_dir = working_dir or folder
        self._start()

    @property
    def status(self) -> str:
        """``running`` or ``exited``; a frozen process runs."""
        return "running" if self._process.poll() is None else "exited"

    @property
    def attrs(self) -> dict[str, Any]:
        """The few facts that are asked for, where ``docker inspect`` has them."""
        ports = {self._port_name: [{"HostPort": str(self._port.number)}]} if self._port_name else {}
        return {
            "Config": {
                "Hostname": f"{LOOPBACK}:{self._port.number}",
                "Env": [f"{k}={v}" for k, v in self._env.items()],
            },
            "State": {"Pid": self._process.pid, "ExitCode": self._process.poll()},
            "NetworkSettings": {"Networks": {"local": {"IPAddress": LOOPBACK}}, "Ports": ports},
            "HostConfig": {"PortBindings": {}},
        }

    def logs(self) -> bytes:
        """What it printed since it was last started, so that "ready" is said anew after a restart."""
        return self._log.read_bytes()

    def exec_run(self, command: str) -> tuple[int, bytes]:
        """The one command that is ever asked for: which ports are listened on inside; the answer is netstat's."""
        assert command.startswith("cat /proc/net/tcp"), command
        header = "sl local_address rem_address st"
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self._port.number), timeout=1):
            inside = int(self._port_name.partition("/")[0])
            return 0, f"{header}\n0: 0100007F:{inside:04X} 00000000:0000 0A".encode()
        return 0, header.encode()

    def reload(self) -> None:
        """Nothing is kept that could be old."""

    def kill(self, signum: str | int | None = None) -> None:
        """Send a signal to the process and its children; after SIGKILL it is gone on return."""
        number = signal.Signals[signum] if isinstance(signum, str) else signal.Signals(signum or signal.SIGKILL)
        os.killpg(self._process.pid, number)
        if number is signal.SIGKILL:
            self._process.wait()

    def restart(self, timeout: float) -> None:
        """Stop it as a deploy does, within ``timeout`` seconds, and start it anew on the same port."""
        end_group(self._process, signal.SIGTERM, timeout)
        self._start()

    def remove(self) -> None:
        """End it, and let nothing of it be left. Safe twice."""
        end_group(self._process, FAREWELL)
        self._port.close()
        self._log.unlink(missing_ok=True)

    def _start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                cwd=self._working_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509  # it takes no lock
            )


class LocalDocker:
    """Runs containers, and ends those that still run when it is left; a context manager.

    ``folder`` takes the logs of the containers, each as long as its container exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[LocalContainer] = []

    def run(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        ports: Mapping[str, object] | None = None,
        working_dir: str | None = None,
    ) -> LocalContainer:
        """Start one; ``ports`` names, as Docker has it, the port that it listens on."""
        self._all.append(LocalContainer(self._folder, command, env, next(iter(ports or {}), ""), working_dir))
        return self._all[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        for container in self._all:
            container.remove()
