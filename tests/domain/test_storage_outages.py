"""What was paid for is stored through an outage of the database."""

# ruff: noqa: F811  # fixtures are asked for by their names

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from domain.db import db
from domain.generation import generate
from domain.orders.models import StageState
from domain.provider_configs import checks
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status
from domain.storage_retry import retry_while_storage_down
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, save_section, section, stage_of
from tests.domain.generation.jobs.job_orders import CLIP, KINDS, SONG
from tests.emulator.server import Emulator
from tests.local_services import LocalPostgres
from tests.own_postgres import migrated_app, own_postgres  # noqa: F401

pytestmark = [pytest.mark.postgresql, pytest.mark.processes]

KEY = "sk-fake-first-0123456789-a1b2"


@pytest.mark.parametrize("stage_type", [StageType.POEM, SONG, CLIP])
def test_an_answer_that_comes_while_the_database_restarts_is_kept_and_paid_once(
    stage_type: StageType,
    app: Flask,
    own_postgres: LocalPostgres,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = KINDS.get(stage_type, ProviderKind.OPENAI)
    emulator.rooms[kind].add_key("first", KEY)
    save_section(stage_type, kind, api_key=KEY)
    check(stage_type)
    order = place_order(frozenset({stage_type}), poem=None if stage_type is StageType.POEM else "Море шумит")
    down = Event()
    opened = "open_instant_provider" if stage_type is StageType.POEM else "open_job_provider"
    paid_call = "generate" if stage_type is StageType.POEM else "submit"
    open_provider = getattr(generate, opened)

    def open_one_that_outlives_the_database(*args: object) -> object:
        provider = open_provider(*args)
        call = getattr(provider, paid_call)

        def call_and_lose_the_database(request: object) -> object:
            answer = call(request)
            own_postgres.kill()
            down.set()
            return answer

        monkeypatch.setattr(provider, paid_call, call_and_lose_the_database)
        return provider

    monkeypatch.setattr(generate, opened, open_one_that_outlives_the_database)

    stage_id = stage_of(order, stage_type).id
    db.session.commit()

    def work() -> None:
        with app.app_context():
            generate.generate(stage_id)

    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(work)
        assert down.wait(60)
        own_postgres.start()  # not from the worker's thread: a server ends with the thread that started it
        working.result(60)

    assert stage_of(order, stage_type).state in {StageState.DONE, StageState.SUBMITTED}
    assert len(emulator.ledger) == 1


def test_what_a_check_finds_while_the_database_restarts_is_kept(
    app: Flask, own_postgres: LocalPostgres, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.openai.add_key("first", KEY)
    save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
    down = Event()
    ask = checks._ask

    def ask_and_lose_the_database(question: checks.CheckRequest) -> CheckResult:
        answer = ask(question)
        own_postgres.kill()
        down.set()
        return answer

    monkeypatch.setattr(checks, "_ask", ask_and_lose_the_database)

    def work() -> None:
        with app.app_context():
            check(StageType.POEM)

    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(work)
        assert down.wait(60)
        own_postgres.start()
        working.result(60)

    assert section().status is Status.ACTIVE


def test_what_is_wrong_for_another_reason_is_not_tried_again() -> None:
    tries = []

    @retry_while_storage_down
    def store() -> None:
        tries.append(1)
        raise ValueError("not the database")

    with pytest.raises(ValueError, match="not the database"):
        store()
    assert len(tries) == 1


def test_an_outage_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.storage_retry.OUTAGE_SECONDS", 0.01)

    @retry_while_storage_down
    def store() -> None:
        raise OperationalError("", None, Exception("away"))

    with pytest.raises(OperationalError):
        store()
