"""Orders of poems, on the nodes of one test."""

from pytest_celery import CeleryTestSetup
from sqlalchemy import func, select, update

from domain.db import db
from domain.orders.models import Attempt, Stage, StageState
from providers.kinds import StageType
from tasks.messages import GENERATION_TASKS, SWEEP_TASK
from tests import builders
from tests.running_system import wait_until

#: For a machine that is busy with something else; nobody waits for longer than it takes.
WITHIN_SECONDS = 60


class Shop:
    """Orders poems as the web server does. There is no beat, hence no sweep but its own: a poem is made because its
    message was heard.
    """

    def __init__(self, nodes: CeleryTestSetup) -> None:
        self.nodes = nodes

    def order(self, details: str = "") -> int:
        """Place an order and send its message; returns the order's id."""
        order_id = builders.place_order(details=details).id
        stage_id, _ = _poem_of(order_id)
        self.nodes.app.send_task(GENERATION_TASKS[StageType.POEM], args=[stage_id])
        return order_id

    def wait_until_begun(self, *order_ids: int) -> None:
        """Wait until the worker has heard of each of the orders."""
        wait_until(lambda: all(map(self._is_begun, order_ids)), "begun", WITHIN_SECONDS)

    def wait_until_done(self, *order_ids: int) -> None:
        """Wait until the poems of the orders are made."""
        wait_until(lambda: all(map(self.is_done, order_ids)), "done", WITHIN_SECONDS)

    def _is_begun(self, order_id: int) -> bool:
        return _poem_of(order_id)[1] is not StageState.QUEUED

    def is_done(self, order_id: int) -> bool:
        """Whether the poem of the order is made."""
        return _poem_of(order_id)[1] is StageState.DONE

    def runs(self) -> bool:
        """Whether the worker's process is there."""
        return bool(self.nodes.worker.container.status == "running")

    def times_logged(self, words: str) -> int:
        """How often the worker has said these words."""
        return int(self.nodes.worker.logs().count(words))

    def tell_worker(self, command: str, **arguments: str) -> str:
        """What the worker answers to one of Celery's remote commands."""
        app = self.nodes.app
        with app.connection_for_write() as connection:  # those in the pool may be of a Redis that was killed
            options = {"reply": True, "timeout": WITHIN_SECONDS, "limit": 1, "connection": connection}
            (answer,) = app.control.broadcast(command, arguments=arguments, **options)
        return str(answer)

    def sweep(self) -> None:
        """Sweep as beat does, after the time in which a message may still be heard."""
        db.session.execute(update(Stage).values(published_at=None))
        db.session.commit()
        self.nodes.app.send_task(SWEEP_TASK)

    def calls(self, *order_ids: int) -> int:
        """How often the provider was called for these orders."""
        calls = select(func.count()).select_from(Attempt).join(Stage).where(Stage.order_id.in_(order_ids))
        return db.session.scalar(calls) or 0


def _poem_of(order_id: int) -> tuple[int, StageState]:
    """Id and state of the stage. No transaction stays open: with SQLite it would lock the worker out."""
    stage = builders.stage_of(order_id)
    found = stage.id, stage.state
    db.session.rollback()
    return found
