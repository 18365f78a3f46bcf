"""A program that has imported what `make run` imports, and forks for each start that it is asked for by a socket.

What runs after the fork is what ``python -m launch`` runs.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys

# Not launch.__main__ itself, which a fork is to run as if it were new.
import launch.checks
import launch.env_file
import launch.supervisor  # noqa: F401
from launch.child_process import die_with_parent

MAX_BYTES = 65536


def serve(control: socket.socket) -> None:
    """Answer each question, a line of JSON, with a number: the id of the process begun, or an exit code."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_BYTES, 1)
        if not message:
            return
        while not message.endswith(b"\n"):
            message += control.recv(MAX_BYTES)
        asked = json.loads(message)
        if "ended" in asked:
            _, status = os.waitpid(asked["ended"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                control.close()
                _become_a_start(descriptors[0], asked["folder"], asked["env"])
            os.close(descriptors[0])
        control.sendall(f"{answer}\n".encode())


def _become_a_start(output: int, folder: str, env: dict[str, str]) -> None:
    os.setsid()
    die_with_parent(signal.SIGKILL)
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output, number)
    os.close(output)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["launch", "--folder", folder]
    runpy.run_module("launch", run_name="__main__", alter_sys=True)  # ends with sys.exit


if __name__ == "__main__":
    gc.freeze()  # else a fork would look through all of it as it ends
    with socket.socket(fileno=int(sys.argv[1])) as asked_by:
        serve(asked_by)
