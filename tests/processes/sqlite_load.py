"""Customers, workers and sweeps as processes of their own on one SQLite, all at once.

``python -m tests.processes.sqlite_load`` takes its settings from the environment, a database that is migrated among
them, and prints as JSON what they met: each error of the driver, whoever would have caught it, and each answer to a
customer that was not 202.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from flask import Flask
from sqlalchemy import ExceptionContext, event, func, select

from domain import db as database
from domain.accounts.api_tokens import create_api_token
from domain.db import db, reading, utc_now
from domain.generation import generate, poll
from domain.maintenance import sweep as maintenance_sweep
from domain.orders.models import Order, OrderState, Stage, StageState
from settings import Settings
from tests.builders import working_section
from web import create_app

ORDERS_EACH = 10
THREADS_EACH = 2
#: On a machine that is busy with other things.
DEADLINE_SECONDS = 240
BODY = {"recipient": "Анна", "occasion": "60 лет", "details": "любит море", "stages": ["POEM"]}


def order(app: Flask, token: str, name: str) -> list[str]:
    """A shop: places its orders one after the other, each until it is accepted; returns what else it was told."""
    client = app.test_client()
    refusals: list[str] = []
    for number in range(ORDERS_EACH):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{name} {number}"}
        while (answer := client.post("/api/v1/orders", json=BODY, headers=headers)).status_code != 202:
            refusals.append(f"{name}: {answer.status}")
    return refusals


def make(app: Flask, _token: str, _name: str) -> list[str]:
    """A worker: several threads, each of which takes whatever is in the queue."""
    with ThreadPoolExecutor(THREADS_EACH) as pool:
        for made in [pool.submit(_until_all_are_made, app, _make_what_is_queued) for _ in range(THREADS_EACH)]:
            made.result()
    return []


def sweep(app: Flask, _token: str, _name: str) -> list[str]:
    """What beat has done every few seconds, without a pause."""
    _until_all_are_made(app, lambda: (maintenance_sweep.sweep(utc_now()), poll.poll_due(utc_now())))
    return []


#: Who is at work, side by side.
WORK = {"shop": order, "other shop": order, "worker": make, "other worker": make, "sweep": sweep}
SHOPS = sum(work is order for work in WORK.values())


def _until_all_are_made(app: Flask, do: Callable[[], object]) -> None:
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        with app.app_context():
            do()
            with reading():
                made = select(func.count()).select_from(Order).where(Order.state == OrderState.DONE)
                if db.session.scalar(made) == SHOPS * ORDERS_EACH:
                    return


def _make_what_is_queued() -> None:
    with reading():
        queued = db.session.scalars(select(Stage.id).where(Stage.state == StageState.QUEUED).limit(5)).all()
        db.session.rollback()
    for stage_id in queued:
        generate.generate(stage_id)


def _work(name: str, token: str) -> list[str]:
    """One process: its own application, hence its own connections."""
    app = create_app(Settings.from_env())
    met: list[str] = []
    with app.app_context():

        @event.listens_for(db.engine, "handle_error")
        def _note(context: ExceptionContext) -> None:
            # When a token was used last is written down only where nobody has to be waited for.
            if not (context.statement or "").startswith("UPDATE api_tokens"):
                met.append(f"{name}: {context.original_exception}")

    return WORK[name](app, token, name) + met


def main() -> None:
    # That nobody is turned away at once is what this is about: how long a busy machine makes one wait is not.
    database.BUSY_TIMEOUT_MS = DEADLINE_SECONDS * 1000
    app = create_app(Settings.from_env())
    with app.app_context():
        working_section()
        token = create_api_token("shop")
        db.engine.dispose()
    with multiprocessing.get_context("fork").Pool(len(WORK)) as pool:
        met = pool.starmap(_work, [(name, token) for name in WORK], chunksize=1)
    with app.app_context():
        states = dict(db.session.execute(select(Order.state, func.count()).group_by(Order.state)).tuples().all())
    json.dump({"met": list(chain.from_iterable(met)), "orders": states}, sys.stdout)


if __name__ == "__main__":
    main()
