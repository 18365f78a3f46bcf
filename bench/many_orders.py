"""What a hundred thousand orders, and a thousand models, cost the pages and the steps of the workers."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import insert, text, update

from bench.figure import Figure, repeated
from domain.accounts import administrators
from domain.db import db, utc_now
from domain.generation import poll
from domain.maintenance import sweep
from domain.monitoring import call_stats, order_stats
from domain.orders import stages
from domain.orders.models import Order, OrderState, Stage, StageState
from domain.provider_configs import checks
from domain.provider_configs.models import ProviderConfig
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section
from tests.conftest import FORGOTTEN_BROKER, production_settings
from tests.local_services import LocalPostgres
from web import create_app
from web.auth import sessions

FEW, MANY, MODELS = 1_000, 100_000, 1_000
ROUNDS = 30
BATCH = 5_000


def measure() -> list[Figure]:
    """On PostgreSQL: three pages against an empty database, and three steps against a small one."""
    with LocalPostgres() as server, _app_on(server) as empty, _app_on(server) as small, _app_on(server) as large:
        _fill(small, FEW)
        _fill(large, MANY)
        pages = {path: repeated(partial(_pages, large, empty, path)) for path in ("/admin", "/admin/orders")}
        steps = {name: repeated(partial(_steps, large, small, step)) for name, step in STEPS.items()}
        _fill_sections(large)
        sections = repeated(partial(_pages, large, empty, "/admin/providers"))
    return [
        *(Figure(f"GET {path} with 100,000 orders / with none", 2.0, True, values) for path, values in pages.items()),
        Figure("GET /admin/providers with 1,000 models in each section / with none", 2.0, True, sections),
        *(Figure(f"{name} at 100,000 orders / at 1,000", 1.5, True, values) for name, values in steps.items()),
    ]


@contextmanager
def _app_on(server: LocalPostgres) -> Iterator[Flask]:
    with tempfile.TemporaryDirectory(prefix="quatrain-bench-") as folder:
        app = create_app(production_settings(database_url=server.new_database(), var_dir=Path(folder)))
        app.extensions["celery"].conf.broker_url = FORGOTTEN_BROKER
        with app.app_context():
            upgrade()
            administrators.create_administrator("admin", "correct-horse-battery")
            for stage_type in StageType:
                save_section(stage_type, ProviderKind.DUMMY)
                checks.check(stage_type)
        yield app
        with app.app_context():
            db.engine.dispose()


def _fill(app: Flask, number: int) -> None:
    """Orders of all four works, a hundredth of them under way, the others done."""
    now = utc_now()
    with app.app_context():
        for first in range(1, number + 1, BATCH):
            ids = range(first, min(first + BATCH, number + 1))
            db.session.execute(insert(Order), [_order(each, now - timedelta(seconds=number - each)) for each in ids])
            db.session.execute(
                insert(Stage), [_stage(each, stage_type, now) for each in ids for stage_type in StageType]
            )
        db.session.commit()
        while order_stats.count_up(now):
            pass
        call_stats.add(dict.fromkeys(_calls(now), 1000))
        db.session.execute(text("ANALYZE"))
        db.session.commit()


def _calls(now: datetime) -> Iterator[call_stats.Kind]:
    """Calls of a week, of all four works, and with failures."""
    for stage_type, ago in product(StageType, range(7)):
        answered = [(call_stats.ANSWERED, seconds) for seconds in call_stats.BOUNDS]
        for outcome, seconds in [*answered, *product(("unavailable", "rate_limited"), call_stats.BOUNDS[:2])]:
            yield call_stats.Kind((now - timedelta(days=ago)).date(), stage_type, ProviderKind.DUMMY, outcome, seconds)


def _order(order_id: int, created_at: datetime) -> dict[str, object]:
    words = {"recipient": "Анна", "occasion": "60 лет", "details": "любит море", "tone": "тепло", "language": "ru"}
    state = OrderState.RUNNING if _is_under_way(order_id) else OrderState.DONE
    return {"id": order_id, "state": state, "placed_by": "bench", "created_at": created_at, **words}


def _stage(order_id: int, stage_type: StageType, now: datetime) -> dict[str, object]:
    waits = _is_under_way(order_id)
    return {
        "order_id": order_id,
        "stage_type": stage_type,
        "state": StageState.QUEUED if waits else StageState.DONE,
        "due_at": now + timedelta(hours=1) if waits else now,
        "published_at": now,
        "usage": {},
    }


def _is_under_way(order_id: int) -> bool:
    return order_id % 100 == 0


def _fill_sections(app: Flask) -> None:
    with app.app_context():
        models = [f"model-{number:04}" for number in range(MODELS)]
        db.session.execute(update(ProviderConfig).values(models_cache=models, model=models[0]))
        db.session.commit()


def _pages(large: Flask, empty: Flask, path: str) -> float:
    return _page(large, path) / _page(empty, path)


def _page(app: Flask, path: str) -> float:
    """Median seconds of the server for one page."""
    client = app.test_client()
    with app.app_context():
        (administrator,) = administrators.list_administrators()
    with client.session_transaction() as session:
        session.update(sessions.contents(administrator.id, administrator.epoch))
    return _median(lambda: _get(client, path))


def _get(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def _steps(large: Flask, small: Flask, step: Callable[[], object]) -> float:
    return _step(large, step) / _step(small, step)


def _step(app: Flask, step: Callable[[], object]) -> float:
    def in_app() -> None:
        with app.app_context():
            step()

    return _median(in_app)


def _claim() -> None:
    stages.claim(100, utc_now() + timedelta(days=2))
    db.session.rollback()


STEPS: dict[str, Callable[[], object]] = {
    "a claim": _claim,
    "a sweep": lambda: sweep.sweep(utc_now()),
    "a round of looks": lambda: poll.poll_due(utc_now()),
}


def _median(call: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
