"""Whoever holds connections keeps nobody else from being served, and is hung up on."""

import http.client
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import requests

from tests.running_system import RunningSystem, wait_until
from tests.stalled_connections import KINDS, LARGE, LOOPBACK, MAX_WAIT_SECONDS, TIMES, StalledConnections
from wire.worker import MAX_PER_CALLER

#: More than a process has threads, and fewer than one address may have.
MANY = 60
FOR_EVER = "100000"
#: What Linux keeps of an answer that is not read, in bytes (net.ipv4.tcp_wmem and tcp_rmem), and some more.
MAX_OF_A_SYSTEM = 12_000_000
#: A port on which no broker listens.
NO_BROKER = "redis://127.0.0.1:1/0"
ANOTHER_ADDRESS = "127.0.0.2"
TOKEN_OF_NOBODY = {"Authorization": "Bearer nobodys"}

pytestmark = pytest.mark.processes

#: Nothing that comes, something that drips, something that is not taken; the rest of them with the thorough tests.
IN_EACH_RUN = ("half a head", "a dripping body", "an answer that nobody reads")
EACH_KIND = [kind if kind in IN_EACH_RUN else pytest.param(kind, marks=pytest.mark.thorough) for kind in KINDS]

Serve = Callable[..., RunningSystem]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """``serve(TRUSTED_PROXIES="1")``: one web process alone, which all tests have that ask for the same one."""
    started: dict[str, RunningSystem] = {}

    def start(**env: str) -> RunningSystem:
        asked = repr(sorted(env.items()))
        if asked not in started:
            folder = tmp_path_factory.mktemp("stalled")
            everything = {"REDIS_URL": NO_BROKER, "PUBLIC_URL": "", "WEB_WORKERS": "1", **env}
            system = started[asked] = RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", everything)
            system.prepare_database()
            system.start_process("web")
            wait_until(lambda: is_up(system), f"up; log in {folder}")
        return started[asked]

    yield start
    for system in started.values():
        system.stop()


def is_up(system: RunningSystem) -> bool:
    try:
        return requests.get(f"{system.url}/healthz", timeout=MAX_WAIT_SECONDS).status_code == 200
    except requests.ConnectionError:
        return False


def test_what_nobody_reads_is_more_than_a_system_keeps_for_us(serve: Serve) -> None:
    answer = requests.get(serve(WEB_PATIENCE_SECONDS=FOR_EVER).url + LARGE, timeout=MAX_WAIT_SECONDS)

    assert (answer.status_code, len(answer.content) * TIMES > MAX_OF_A_SYSTEM) == (200, True)


@pytest.mark.parametrize("kind", EACH_KIND)
def test_others_are_served_while_connections_are_held(serve: Serve, kind: str) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER)

    with StalledConnections(system.port, kind, MANY) as stalled:
        for path in ("/healthz", "/admin/login"):
            assert requests.get(system.url + path, timeout=MAX_WAIT_SECONDS).status_code == 200
        assert stalled.held == MANY


@pytest.mark.parametrize("kind", EACH_KIND)
def test_they_are_hung_up_on_also_if_they_go_on_dripping(serve: Serve, kind: str) -> None:
    system = serve(WEB_PATIENCE_SECONDS="1")

    with StalledConnections(system.port, kind, MANY) as stalled:
        wait_until(lambda: not stalled.held, "hung up on")


def test_who_opens_too_many_loses_his_own(serve: Serve) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER)

    with (
        StalledConnections(system.port, "half a head", 1, ANOTHER_ADDRESS) as other,
        StalledConnections(system.port, "half a head", MAX_PER_CALLER + MANY) as stalled,
    ):
        wait_until(lambda: stalled.held == MAX_PER_CALLER, "the first ones are hung up on")

        assert other.held == 1


@pytest.mark.parametrize("kind", ["half a head", "an answer that nobody reads"])
def test_who_comes_next_is_served_although_his_address_has_as_many_as_it_may(serve: Serve, kind: str) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER)

    with StalledConnections(system.port, kind, MAX_PER_CALLER + 1):
        assert all(is_up(system) for _ in range(5))


def test_proxies_of_ours_may_have_any_number(serve: Serve) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER, TRUSTED_PROXIES="1")

    with StalledConnections(system.port, "half a head", MAX_PER_CALLER + MANY) as stalled:
        # It comes after all of them, in the only process.
        assert is_up(system)
        assert stalled.held == MAX_PER_CALLER + MANY


def test_whoever_waits_longest_goes_where_there_are_too_many_of_all(serve: Serve) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER, GUNICORN_CMD_ARGS="--worker-connections 20")

    with StalledConnections(system.port, "half a head", MANY) as stalled:
        wait_until(lambda: stalled.held == 20, "the first ones are hung up on")

        assert is_up(system)


@pytest.mark.parametrize("kind", ["half a head", "an answer that nobody reads"])
def test_who_comes_next_is_served_although_others_have_all_that_there_are(serve: Serve, kind: str) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER, GUNICORN_CMD_ARGS="--worker-connections 20")

    with StalledConnections(system.port, kind, MANY, ANOTHER_ADDRESS):
        assert all(is_up(system) for _ in range(5))


def test_a_byte_that_is_sent_as_urgent_is_one_like_the_others(serve: Serve) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER)

    with socket.create_connection((LOOPBACK, system.port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
        connection.send(b"u", socket.MSG_OOB)
        assert is_up(system)  # by the only process, which has what came before
        connection.sendall(b"\r\n\r\n")

        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert "priority event" not in system.output()


@contextmanager
def connection_to(system: RunningSystem) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(LOOPBACK, system.port, timeout=MAX_WAIT_SECONDS)) as connection:
        yield connection


@pytest.mark.parametrize("size", [300_000, 5_000_000])
def test_a_connection_goes_on_after_a_refusal_unless_the_answer_says_otherwise(serve: Serve, size: int) -> None:
    system = serve(WEB_PATIENCE_SECONDS=FOR_EVER)

    with connection_to(system) as connection:
        for _ in range(3):
            connection.request("POST", "/api/v1/orders", b" " * size, TOKEN_OF_NOBODY)
            refused = connection.getresponse()
            assert (refused.status, b"error" in refused.read()) == (401, True)
            if refused.will_close:
                # http.client opens another one by itself, and so does everybody who is told.
                continue
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')


def test_who_is_sending_when_the_server_is_told_to_end_is_answered(serve: Serve) -> None:
    system = serve(WEB_PATIENCE_SECONDS="60")

    with socket.create_connection((LOOPBACK, system.port), timeout=MAX_WAIT_SECONDS) as connection:
        connection.sendall(b"POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{")
        assert is_up(system)  # by the only process, which therefore has what came before
        ending = threading.Thread(target=system.kill, args=["web", signal.SIGTERM])
        ending.start()
        wait_until(lambda: not is_up(system), "nobody listens any more")
        connection.sendall(b"}")
        with closing(http.client.HTTPResponse(connection)) as answer:
            answer.begin()

            assert (answer.status, answer.getheader("Connection")) == (401, "close")
        ending.join()
