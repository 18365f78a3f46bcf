"""Parts of a start: whose Redis is used, where the password is, and what is said while it takes long."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from launch import __main__ as start
from launch.checks import StartFault
from launch.embedded_redis import EmbeddedRedis
from tests.conftest import production_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where somebody has made an .env of their own, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("")
    return tmp_path


@contextmanager
def answering(*statuses: int) -> Iterator[int]:
    """The port of a server that answers so, one after the other."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.processes
@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
def test_a_redis_or_broker_that_is_given_is_used_and_none_is_started(name: str, tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "given") as given:
        settings = production_settings(var_dir=tmp_path, **{name: given.url})

        with start._broker(settings) as (redis_url, ours):
            assert (redis_url, ours) == (settings.redis_url, [])

    assert not (tmp_path / "redis").exists()


def test_a_password_of_the_environment_is_looked_for_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "given")

    assert start._read_env_file(folder) == "in the environment (ADMIN_PASSWORD), unless it was changed since"


def test_without_a_password_it_is_the_one_that_was_set_by_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)

    assert start._read_env_file(folder) == "the one set with: flask --app wsgi admin set-password"


def test_an_env_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe")

    with pytest.raises(StartFault, match=r"cannot be used \(it is not text\); make it readable"):
        start._read_env_file(folder)


def test_a_start_that_takes_long_says_once_where_to_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "SLOW_AFTER_SECONDS", 0)
    with answering(503, 503, 503, 200) as port:
        start._wait_until_ready(production_settings(port=port))

    assert capsys.readouterr().out == f"Not ready after 0 s; http://127.0.0.1:{port}/readyz says what is missing.\n"


@pytest.mark.parametrize(("time_zone", "times"), [("", 1), ("Europe/Moscow", 0)])
def test_a_start_says_once_that_no_time_zone_is_known_unless_one_is_set(
    time_zone: str, times: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("settings.machine_zone", lambda: None)

    start._announce(production_settings(time_zone=time_zone), "somewhere")

    assert capsys.readouterr().out.count("times are shown in UTC; set TIME_ZONE") == times
