"""How many orders of four works that cost nothing one worker makes, against chains and workflows that do nothing.

Each of the three has one worker process that runs as many at a time as the Procfile says; all use the same PostgreSQL
server and the same Redis, and take turns. What is measured is the worker alone: it is frozen while its work is placed,
and the time runs from the moment at which it goes on to the end of the last one. The two others are frozen meanwhile.

Orders run in the whole system: with beat, whose sweeps send again what was not heard for a while, with the log that
production writes, with works on the disk. Chains and workflows have nothing of the kind.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dbos import DBOSClient, EnqueueOptions
from redis import Redis
from sqlalchemy import TextClause, create_engine, text
from sqlalchemy.exc import ProgrammingError

from bench import empty_steps
from bench.figure import REPETITIONS, Figure
from providers.kinds import ProviderKind, StageType
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, wait_until

#: So many take about ten seconds each.
ORDERS, CHAINS, WORKFLOWS = 100, 1_500, 400
MAX_SECONDS = 300
OPEN_ORDERS = text("SELECT count(*) FROM orders WHERE state <> 'done'")
OPEN_WORKFLOWS = text("SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')")


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the three: the pid of its worker, how many it is given at a time, and how."""

    worker: int
    number: int
    place_one: Callable[[], object]
    all_ended: Callable[[], bool]

    def rate(self) -> float:
        """How many its worker makes in a second; leaves it frozen, as it has to be before."""
        for _ in range(self.number):
            self.place_one()
        began = time.monotonic()
        os.kill(self.worker, signal.SIGCONT)
        wait_until(self.all_ended, "all of it", MAX_SECONDS)
        took = time.monotonic() - began
        os.kill(self.worker, signal.SIGSTOP)
        return self.number / took


def measure() -> list[Figure]:
    """Orders against chains, and against workflows."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quatrain-bench-")))
        server = stack.enter_context(LocalPostgres())
        system = stack.enter_context(_system(folder, server))
        contenders = _orders(stack, system), _chains(stack, system), _workflows(stack, system, server)
        # The first round, in which everything is done for the first time, does not count.
        rounds = [[each.rate() for each in contenders] for _ in range(1 + REPETITIONS)][1:]
    return [
        Figure(
            "orders of four instant stages per second / Celery chains of four empty tasks per second",
            0.5,
            False,
            tuple(orders / chains for orders, chains, _ in rounds),
        ),
        Figure(
            "orders of four instant stages per second / DBOS workflows of four empty steps per second",
            1.0,
            False,
            tuple(orders / workflows for orders, _, workflows in rounds),
        ),
    ]


def _system(folder: Path, server: LocalPostgres) -> RunningSystem:
    env = {
        "WORKER_THREADS": str(empty_steps.CONCURRENCY),
        "SWEEP_INTERVAL_SECONDS": "2",
        "REFRESH_INTERVAL_SECONDS": "3600",
    }
    system = RunningSystem(folder, server.new_database(), env)
    system._commands["worker"] = system._commands["worker"].replace("wsgi:", "bench.instant_app:")
    return system


def _orders(stack: ExitStack, system: RunningSystem) -> Contender:
    admin, shop = system.browser(), system.api()
    for stage_type in StageType:
        admin.save_section(stage_type, ProviderKind.DUMMY)
    wait_until(lambda: all(shop.stage(stage_type)["ready"] for stage_type in StageType), "all sections work")
    return Contender(
        system._processes["worker"].pid,
        ORDERS,
        lambda: shop.place(*StageType),
        _is_zero(stack, system.database_url, OPEN_ORDERS),
    )


def _chains(stack: ExitStack, system: RunningSystem) -> Contender:
    """Their queues have the same names in another database of Redis. Celery would log eight lines for each of them."""
    redis_url = f"{system.redis.url.removesuffix('/0')}/1"
    worker = system._commands["worker"].replace("bench.instant_app:", "bench.empty_steps:")
    _start(system, "chains", f"export REDIS_URL={redis_url} LOG_LEVEL=WARNING; {worker}")
    empty_steps.celery_app.conf.broker_url = redis_url
    redis = stack.enter_context(Redis.from_url(redis_url))
    return Contender(
        system._processes["chains"].pid,
        CHAINS,
        lambda: empty_steps.send_chain(CHAINS),
        lambda: redis.getdel(empty_steps.ENDED_KEY) is not None,
    )


def _workflows(stack: ExitStack, system: RunningSystem, server: LocalPostgres) -> Contender:
    database_url = server.new_database()
    _start(system, "workflows", f"exec python -m bench.empty_steps '{database_url}'")
    client = DBOSClient(system_database_url=database_url)
    stack.callback(client.destroy)
    wait_until(lambda: _has_queue(client), "the worker of the workflows works")
    options = EnqueueOptions(workflow_name=empty_steps.WORKFLOW, queue_name=empty_steps.QUEUE)
    return Contender(
        system._processes["workflows"].pid,
        WORKFLOWS,
        lambda: client.enqueue(options),
        _is_zero(stack, database_url, OPEN_WORKFLOWS),
    )


def _start(system: RunningSystem, name: str, command: str) -> None:
    system._commands[name] = command
    system.start_process(name)


def _has_queue(client: DBOSClient) -> bool:
    with suppress(ProgrammingError):  # its tables are not there yet
        return client.retrieve_queue(empty_steps.QUEUE) is not None
    return False


def _is_zero(stack: ExitStack, database_url: str, number: TextClause) -> Callable[[], bool]:
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    stack.callback(engine.dispose)
    connection = stack.enter_context(engine.connect())
    return lambda: connection.scalar(number) == 0
