"""A listening socket that outlives whoever serves it, as a socket unit of systemd holds one."""

import socket
import sys

LOOPBACK = "127.0.0.1"
#: sd_listen_fds(3): the first socket is file descriptor 3, and it is meant for the process that has the id LISTEN_PID.
HAND_OVER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execvp(sys.argv[2], sys.argv[2:])
"""


class HeldSocket:
    """Listens on ``port`` of this machine: who connects while nobody serves waits, and is not refused."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server((LOOPBACK, port), backlog=socket.SOMAXCONN)

    @property
    def number(self) -> int:
        """The file descriptor, which a process that is to serve has to inherit."""
        return self._socket.fileno()

    def handed_to(self, command: list[str]) -> list[str]:
        """What to start instead of ``command`` so that it gets the socket; it keeps its process id."""
        return [sys.executable, "-I", "-S", "-c", HAND_OVER, str(self.number), *command]

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
