"""Each thing that must hold before a start: what is refused, and that the sentence gives no password away."""

import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from launch.checks import (
    StartFault,
    check_alerts,
    check_broker,
    check_database,
    check_folder,
    check_media,
    check_port,
    check_redis,
)
from launch.embedded_redis import EmbeddedRedis
from tests.conftest import production_settings
from tests.local_s3 import LocalS3
from tests.local_services import LocalPostgres
from tests.reserved_port import ReservedPort


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "var")

    assert list((tmp_path / "new" / "var").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    with pytest.raises(StartFault, match=rf"^The folder {tmp_path}/var cannot be written \(.+\); set VAR_DIR to one"):
        check_folder(tmp_path / "var")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_that_somebody_listens_on_is_refused(host: str) -> None:
    with ReservedPort() as port:
        with (
            socket.create_server(("127.0.0.1", port.number)),
            pytest.raises(StartFault, match=f"^Port {port.number} of {host} is taken; stop what listens there"),
        ):
            check_port(host, port.number)

        check_port(host, port.number)


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    with ReservedPort() as port:
        with (
            socket.create_server(("127.0.0.1", port.number)) as server,
            socket.create_connection(("127.0.0.1", port.number)) as client,
        ):
            # Who closes first keeps the address in TIME_WAIT.
            server.accept()[0].close()
            client.recv(1)

        check_port("127.0.0.1", port.number)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(StartFault, match=f"^The server cannot listen on {host}:8000 .+; set HOST or PORT to another"):
        check_port(host, 8000)


def test_checking_a_database_leaves_nothing_in_it(tmp_path: Path, postgres: LocalPostgres) -> None:
    check_database(f"sqlite:///{tmp_path}/new.db")
    with closing(sqlite3.connect(tmp_path / "new.db")) as new:
        assert new.execute("SELECT name FROM sqlite_master").fetchall() == []

    url = postgres.new_database()
    for _ in range(2):  # a table that stayed would be in the way of the second
        check_database(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 99)

    with pytest.raises(StartFault, match=r"cannot be written \(file is not a database\); check DATABASE_URL"):
        check_database(f"sqlite:///{tmp_path}/text.db")


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://user:canary@127.0.0.1:1/name", "mysql://user:canary@h/n", "oracle://u:canary@h", "can ary"],
)
def test_a_database_that_is_not_there_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StartFault, match="DATABASE_URL") as caught:
        check_database(url)

    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_postgresql_that_may_only_be_read_is_refused(postgres: LocalPostgres) -> None:
    url = postgres.new_database() + "&options=-c%20default_transaction_read_only%3Don"

    with pytest.raises(StartFault, match=r"cannot be written \(cannot execute CREATE TABLE in a read-only transaction"):
        check_database(url)


@pytest.mark.parametrize(
    "url", ["redis://:canary@127.0.0.1:1/0", "amqp://canary@127.0.0.1", "canary", "redis://127.0.0.1:canary"]
)
def test_a_redis_that_does_not_answer_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StartFault, match=r"^The Redis of REDIS_URL does not answer \(") as caught:
        check_redis(url)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["amqp://user:canary@127.0.0.1:1//", "amqp://user:can/ary@127.0.0.1", "redis://:canary@127.0.0.1:1/0", "canary"],
)
def test_a_broker_that_does_not_answer_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StartFault, match=r"^The broker of BROKER_URL does not answer \(") as caught:
        check_broker(url)

    assert not re.search("can|ary", str(caught.value))


def test_a_bucket_that_takes_no_files_is_refused(s3: LocalS3, tmp_path: Path) -> None:
    usable = production_settings(var_dir=tmp_path, **s3.settings)
    check_media(usable)

    with pytest.raises(StartFault, match=r"^The bucket of MEDIA_URL takes no files \(PermissionDeniedError\); check"):
        check_media(usable.model_copy(update={"aws_secret_access_key": SecretStr("another-fake-secret")}))


def test_an_address_of_alerts_that_apprise_does_not_understand_is_refused_by_its_number() -> None:
    addresses = ("json://localhost/", "tgram://canary", "json://localhost/", "nosuch://canary", "mailto://canary")
    settings = production_settings(alert_urls=tuple(map(SecretStr, addresses)))

    with pytest.raises(StartFault, match=r"^Apprise does not understand .*: 2, 4, 5\. https://\S+ shows how") as caught:
        check_alerts(settings)

    assert "canary" not in str(caught.value)


def test_an_address_whose_receivers_cannot_be_told_one_by_one_is_refused_by_its_number() -> None:
    addresses = (
        "ntfy://localhost/one/two",
        "ifttt://canary@one/two",
        "mailto://user:canary@example.org/a@b.org/canary",
    )
    settings = production_settings(alert_urls=tuple(map(SecretStr, addresses)))

    with pytest.raises(StartFault, match=r"^These addresses of ALERT_URLS, .*: 2\. Write one receiver per") as caught:
        check_alerts(settings)

    assert "canary" not in str(caught.value)


@pytest.mark.processes
def test_a_redis_with_another_password_is_refused(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as broker:
        check_redis(broker.url)

        with pytest.raises(StartFault, match="does not answer"):
            check_redis(f"redis://:canary@127.0.0.1:{broker.port}/0")
