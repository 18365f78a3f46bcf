"""pytest-celery's nodes: a Redis, and a worker of ours on a migrated database, as processes.

The suite runs without pytest-celery's plug-in (``-p no:celery``): its fixtures are named here, for this folder alone.
"""
# ruff: noqa: F401, F811  # fixtures are imported for pytest to find, and asked for by their names

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery, current_app
from flask import Flask
from pytest_celery import (
    CeleryTestSetup,
    CeleryTestWorker,
    CeleryWorkerContainer,
    RedisContainer,
    RedisTestBroker,
    celery_broker_cluster,
    celery_broker_cluster_config,
    celery_redis_broker,
    celery_setup,
    celery_setup_cls,
    celery_setup_worker,
    celery_worker_cluster,
    celery_worker_cluster_config,
    default_pytest_celery_network,
    default_redis_broker,
    default_redis_broker_cls,
    default_redis_broker_env,
    default_redis_broker_image,
    default_redis_broker_ports,
    default_worker_app,
    default_worker_cls,
)
from pytest_docker_tools import container, fxtr

from domain.db import db
from launch.embedded_redis import find_redis_server
from launch.procfile import read_procfile
from providers.kinds import StageType
from tasks.messages import SWEEP_TASK
from tests import builders
from tests.conftest import SECRETS
from tests.faults.local_docker import HOST, LOOPBACK, PORT, LocalDocker
from tests.faults.shop import Shop
from tests.running_system import wait_until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def docker_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDocker]:
    """What keeps Docker out of it; everything else is pytest-celery's own."""
    with pytest.MonkeyPatch.context() as patch, LocalDocker(tmp_path_factory.mktemp("containers")) as docker:
        # Where the tests themselves run in a container, it would ask for the port inside instead of the one outside.
        patch.setattr("pytest_docker_tools.wrappers.container.tests_inside_container", lambda: False)
        yield docker


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """The application on one kind of database: these tests are about the broker."""
    return apps("sqlite")


@pytest.fixture
def default_redis_broker_command(default_redis_broker_cls: type[RedisContainer]) -> list[str]:
    """The newest redis-server at hand, only here, on a port that stays the same when it is restarted."""
    _, *options = default_redis_broker_cls.command("--bind", LOOPBACK, "--port", PORT)
    return [str(find_redis_server()), *options]


@pytest.fixture
def celery_broker(celery_redis_broker: RedisTestBroker) -> RedisTestBroker:
    """Redis alone, of all brokers that pytest-celery knows."""
    return celery_redis_broker


@pytest.fixture
def celery_backend_cluster() -> None:
    """No result backend: the rows are the results."""


@pytest.fixture
def celery_backend_cluster_config() -> None:
    """Nothing to configure either."""


class ProcfileWorker(CeleryWorkerContainer):
    """The worker of the Procfile."""

    @classmethod
    def command(cls, *args: str, **_: object) -> list[str]:
        """Its line, and a name of its own among the workers of this machine."""
        line = read_procfile(ROOT / "Procfile")["worker"]
        return ["sh", "-c", " ".join([line, "--hostname", f"{cls.worker_name()}@{HOST}", *args])]


default_worker_container = container(
    image="quatrain",
    command=fxtr("default_worker_command"),
    environment=fxtr("default_worker_env"),
    working_dir=str(ROOT),
    wrapper_class=ProcfileWorker,
    timeout=60,
)


@pytest.fixture
def default_worker_command() -> list[str]:
    """What `make run` and a platform start."""
    return ProcfileWorker.command()


@pytest.fixture
def worker_settings() -> dict[str, str]:
    """Settings of the worker that a module wants otherwise."""
    return {}


@pytest.fixture
def default_worker_env(
    app: Flask, tmp_path: Path, celery_worker_cluster_config: dict[str, dict], worker_settings: dict[str, str]
) -> dict[str, str]:
    """The environment of a worker on the database of ``app``, so that a test can place orders and read rows itself."""
    broker = celery_worker_cluster_config["celery_broker_cluster_config"]["urls"][0]
    return {
        **SECRETS,
        "DATABASE_URL": app.config["SETTINGS"].database_url,
        "REDIS_URL": broker,
        "VAR_DIR": str(tmp_path),
        "DUMMY_PROVIDER": "1",
        "WORKER_THREADS": "8",
        **worker_settings,
    }


@pytest.fixture
def celery_worker(celery_setup_worker: CeleryTestWorker) -> CeleryTestWorker:
    """Our worker, of all that pytest-celery could build."""
    return celery_setup_worker


@pytest.fixture
def celery_setup_app(celery_broker_cluster_config: dict[str, list[str]]) -> Iterator[Celery]:
    """Sends messages as the web server does. pytest-celery makes it the current one; that is undone."""
    before = current_app._get_current_object()
    app = Celery(set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_url = celery_broker_cluster_config["host_urls"][0]
    yield app
    before.set_current()
    app.pool.force_close_all()
    app.close()


@pytest.fixture
def shop(app: Flask, celery_setup: CeleryTestSetup) -> Iterator[Shop]:
    """Orders on the nodes, whose worker can make poems."""
    with app.app_context():
        builders.working_section(StageType.POEM)
        db.session.rollback()  # an open transaction would lock the worker out
        # Else a test could keep it from hearing that too.
        wait_until(lambda: _has_swept(celery_setup.app), "the worker has heard what it sends itself as it starts")
        yield Shop(celery_setup)


def _has_swept(app: Celery) -> bool:
    answers = app.control.broadcast("stats", reply=True, timeout=5, limit=1)
    return any(SWEEP_TASK in stats["total"] for answer in answers for stats in answer.values())
