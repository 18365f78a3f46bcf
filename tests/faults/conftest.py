"""pytest-celery's nodes: a Redis, and a worker of ours on a migrated database, as processes.

Not its fixtures: theirs last for one test, and a worker takes more than a second of the processor to start. The suite
runs without its plug-in (``-p no:celery``).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery, current_app
from flask import Flask
from pytest_celery import (
    CeleryBrokerCluster,
    CeleryTestSetup,
    CeleryTestWorker,
    CeleryWorkerCluster,
    CeleryWorkerContainer,
    RedisContainer,
    RedisTestBroker,
)
from sqlalchemy import delete

from celeryconfig import PUBLISHER_OPTIONS
from domain import heartbeats
from domain.db import Base, db, utc_now
from launch.embedded_redis import find_redis_server
from launch.procfile import read_procfile
from providers.kinds import StageType
from tasks.messages import SWEEP_TASK
from tests import builders
from tests.conftest import SECRETS
from tests.faults.local_docker import HOST, LOOPBACK, PORT, LocalDocker
from tests.faults.shop import WITHIN_SECONDS, Shop
from tests.running_system import wait_until

ROOT = Path(__file__).parent.parent.parent


class ProcfileWorker(CeleryWorkerContainer):
    """The worker of the Procfile."""

    @classmethod
    def command(cls, *args: str, **_: object) -> list[str]:
        """Its line, and a name of its own among the workers of this machine."""
        line = read_procfile(ROOT / "Procfile")["worker"]
        return ["sh", "-c", " ".join([line, "--hostname", f"{cls.worker_name()}@{HOST}", *args])]


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDocker]:
    """What keeps Docker out of it; everything else is pytest-celery's own."""
    with pytest.MonkeyPatch.context() as patch, LocalDocker(tmp_path_factory.mktemp("containers")) as docker:
        # Where the tests themselves run in a container, it would ask for the port inside instead of the one outside.
        patch.setattr("pytest_docker_tools.wrappers.container.tests_inside_container", lambda: False)
        yield docker


@pytest.fixture(scope="module")
def app(apps: Callable[[str], Flask]) -> Flask:
    """The application on one kind of database, as these tests are about the broker; emptied before the worker comes."""
    app = apps("sqlite")
    with app.app_context():
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(delete(table))
        # There is no beat. A worker that knows it would send itself what no test has sent.
        heartbeats.beat(SWEEP_TASK, utc_now())
        builders.working_section(StageType.POEM)
        db.session.rollback()  # an open transaction would lock the worker out
    return app


@pytest.fixture(scope="module")
def broker(docker: LocalDocker) -> RedisTestBroker:
    """The server that `make run` would take, only here, on a port that stays the same when it is restarted."""
    _, *options = RedisContainer.command("--bind", LOOPBACK, "--port", PORT)
    command = [str(find_redis_server()), *options]
    redis = RedisContainer(docker.run(command, RedisContainer.initial_env(), RedisContainer.ports()))
    wait_until(redis.ready, "Redis is ready", WITHIN_SECONDS)
    return RedisTestBroker(redis)


@pytest.fixture(scope="module")
def worker_settings() -> dict[str, str]:
    """Settings of the worker that a module wants otherwise."""
    return {}


@pytest.fixture(scope="module")
def worker(
    docker: LocalDocker,
    broker: RedisTestBroker,
    app: Flask,
    worker_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> CeleryTestWorker:
    """What `make run` and a platform start; on the database of the tests, which place orders and read rows."""
    env = {
        **SECRETS,
        "DATABASE_URL": app.config["SETTINGS"].database_url,
        "REDIS_URL": broker.config()["url"],
        "VAR_DIR": str(tmp_path_factory.mktemp("worker")),
        "DUMMY_PROVIDER": "1",
        "WORKER_THREADS": "8",
        # A beat that was heard an hour ago is not missed yet.
        "SWEEP_INTERVAL_SECONDS": "3600",
        **worker_settings,
    }
    container = ProcfileWorker(docker.run(ProcfileWorker.command(), env, working_dir=str(ROOT)))
    wait_until(container.ready, "the worker is ready", WITHIN_SECONDS)
    return CeleryTestWorker(container, app=None)


@pytest.fixture(scope="module")
def nodes(broker: RedisTestBroker, worker: CeleryTestWorker) -> Iterator[CeleryTestSetup]:
    """Both, and an application that sends messages as the web server does; one for the module."""
    before = current_app._get_current_object()
    app = Celery(set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_url = broker.config()["host_url"]
    # A page waits for a second; a test that loses a message waits for ever.
    app.conf.broker_transport_options = {**PUBLISHER_OPTIONS, "socket_timeout": 30, "socket_connect_timeout": 30}
    nodes = CeleryTestSetup(CeleryWorkerCluster(worker), CeleryBrokerCluster(broker), None, app)
    assert nodes.ready(docker=False)
    # Else a test could keep it from hearing that too.
    wait_until(lambda: _has_swept(app), "the worker has heard what it sends itself as it starts", WITHIN_SECONDS)
    yield nodes
    before.set_current()  # a node that is restarted makes its own the current one
    app.pool.force_close_all()
    app.close()


@pytest.fixture
def shop(app: Flask, nodes: CeleryTestSetup) -> Iterator[Shop]:
    """Orders on the nodes, whose worker can make poems."""
    with app.app_context():
        yield Shop(nodes)


def _has_swept(app: Celery) -> bool:
    answers = app.control.broadcast("stats", reply=True, timeout=5, limit=1)
    return any(SWEEP_TASK in stats["total"] for answer in answers for stats in answer.values())
