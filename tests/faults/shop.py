"""Orders of poems, on the nodes of one test."""

from pytest_celery import CeleryTestSetup
from sqlalchemy import func, select, update

from domain.db import db
from domain.orders import Attempt, Stage, StageState
from providers.kinds import StageType
from tasks.messages import GENERATION_TASKS, SWEEP_TASK
from tests import builders
from tests.running_system import wait_until

WITHIN_SECONDS = 10


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
        for order_id in order_ids:
            wait_until(
                lambda order_id=order_id: _poem_of(order_id)[1] is not StageState.QUEUED, "begun", WITHIN_SECONDS
            )

    def wait_until_done(self, *order_ids: int) -> None:
        """Wait until the poems of the orders are made."""
        for order_id in order_ids:
            wait_until(lambda order_id=order_id: self.is_done(order_id), "done", WITHIN_SECONDS)

    def is_done(self, order_id: int) -> bool:
        """Whether the poem of the order is made."""
        return _poem_of(order_id)[1] is StageState.DONE

    def sweep(self) -> None:
        """Sweep as beat does, after the time in which a message may still be heard."""
        db.session.execute(update(Stage).values(published_at=None))
        db.session.commit()
        self.nodes.app.send_task(SWEEP_TASK)

    def calls(self) -> int:
        """How often the provider was called, for all orders."""
        return int(db.session.scalar(select(func.count()).select_from(Attempt)))


def _poem_of(order_id: int) -> tuple[int, StageState]:
    """Id and state of the stage. No transaction stays open: with SQLite it would lock the worker out."""
    stage = builders.stage_of(order_id)
    found = stage.id, stage.state
    db.session.rollback()
    return found
