"""What Prometheus finds at /metrics."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import update

from domain.db import db, utc_now
from domain.monitoring import call_counters
from domain.orders.models import Attempt, Stage
from launch.embedded_redis import EmbeddedRedis
from providers.base import Limits
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, working_section
from tests.database_kinds import on_both_databases

pytestmark = [on_both_databases, pytest.mark.usefixtures("clock", "patient")]

TOKEN = "fake-metrics-token-0123456789"
Labels = dict[str, str]


@pytest.fixture
def shown(client: FlaskClient, change_settings: Callable[..., None]) -> Callable[..., float | None]:
    """The value of one figure, None if there is none: ``shown("quatrain_orders", state="done")``."""
    change_settings(metrics_token=SecretStr(TOKEN))

    def figure(name: str, **labels: str) -> float | None:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/plain; version=")
        samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
        values = [each.value for each in samples if (each.name, each.labels) == (name, labels)]
        assert len(values) <= 1
        return values[0] if values else None

    return figure


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def test_without_a_token_of_its_own_there_is_no_such_page(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN + "x"}])
def test_who_shows_no_token_sees_nothing(
    client: FlaskClient, change_settings: Callable[..., None], headers: dict[str, str]
) -> None:
    change_settings(metrics_token=SecretStr(TOKEN))

    answer = client.get("/metrics", headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "quatrain_" not in answer.text


def test_orders_and_stages_are_counted_by_state(app: Flask, shown: Callable[..., float | None]) -> None:
    with app.app_context():
        working_section()
        run(place_order(frozenset({StageType.POEM, StageType.VOICE}), details="!blocked"))
        run(place_order())
        late = place_order(frozenset({StageType.SONG}), poem="Море")
        db.session.execute(
            update(Stage).where(Stage.order_id == late.id).values(due_at=utc_now() - timedelta(seconds=90))
        )
        db.session.commit()

    assert shown("quatrain_orders", state="done") == 1
    assert shown("quatrain_stages", state="failed") == 1
    assert shown("quatrain_unfinished_stages", stage_type="VOICE", state="blocked") == 1
    assert shown("quatrain_oldest_queued_stage_seconds", stage_type="SONG") == 90
    assert shown("quatrain_oldest_queued_stage_seconds", stage_type="POEM") is None
    assert shown("quatrain_models_age_seconds", stage_type="POEM") == 0


def test_answers_and_times_are_counted_once_however_often_one_counts(
    app: Flask, shown: Callable[..., float | None]
) -> None:
    with app.app_context():
        working_section(model="dummy-verse")
        for details in ("", "", "!refused"):
            run(place_order(details=details))
        began = utc_now()
        db.session.execute(update(Attempt).values(started_at=began, ended_at=began + timedelta(seconds=7)))
        db.session.commit()
        assert [call_counters.count_up() for _ in range(2)] == [3, 0]
        run(place_order(details="!unavailable"))
        assert call_counters.count_up() == 1

    dummy = {"provider": "DUMMY", "model": "dummy-verse"}
    assert shown("quatrain_provider_answers_total", **dummy, outcome="answered") == 2
    assert shown("quatrain_provider_answers_total", **dummy, outcome="request_refused") == 1
    assert shown("quatrain_provider_answers_total", **dummy, outcome="unavailable") == 1
    assert shown("quatrain_stage_seconds_bucket", **dummy, le="5.0") == 0
    assert shown("quatrain_stage_seconds_bucket", **dummy, le="10.0") == 2
    assert shown("quatrain_stage_seconds_bucket", **dummy, le="+Inf") == 2
    assert shown("quatrain_stage_seconds_sum", **dummy) == 14


def test_a_call_that_has_not_ended_is_not_counted(app: Flask) -> None:
    with app.app_context():
        stage = place_order().stages[0]
        db.session.add(Attempt(stage_id=stage.id, number=1, provider_kind=ProviderKind.SUNO, model="V6"))
        db.session.commit()

        assert call_counters.count_up() == 0


def test_what_is_used_of_a_quota_is_shown(
    app: Flask, shown: Callable[..., float | None], change_settings: Callable[..., None]
) -> None:
    change_settings(provider_limits={ProviderKind.DUMMY: Limits(calls=9, seconds=60, jobs=4)})
    with app.app_context():
        working_section()
        before = shown("quatrain_provider_quota_used", provider="DUMMY", of="calls")
        run(place_order())

    assert before is not None
    assert shown("quatrain_provider_quota_used", provider="DUMMY", of="calls") == before + 1
    assert shown("quatrain_provider_quota", provider="DUMMY", of="calls") == 9
    assert shown("quatrain_provider_quota_used", provider="DUMMY", of="jobs") == 0
    assert shown("quatrain_provider_quota", provider="PIKA", of="jobs") == 20


def test_queues_are_counted_and_left_out_while_the_broker_is_away(
    shown: Callable[..., float | None], redis_server: EmbeddedRedis, change_settings: Callable[..., None]
) -> None:
    url = redis_server.start()
    change_settings(redis_url=url)
    with redis.Redis.from_url(url) as client:
        client.rpush("generation", "a", "b")

    assert shown("quatrain_queue_length", queue="generation") == 2
    assert shown("quatrain_queue_length", queue="control") == 0
    redis_server.kill()
    assert shown("quatrain_queue_length", queue="generation") is None
    assert shown("quatrain_orders", state="done") is None


def test_no_label_holds_a_word_of_a_customer(
    app: Flask, client: FlaskClient, change_settings: Callable[..., None], tmp_path: Path
) -> None:
    change_settings(metrics_token=SecretStr(TOKEN))
    with app.app_context():
        working_section()
        run(place_order(recipient="Аделаида", details="любит флоксы"))
        call_counters.count_up()

    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text

    assert "DUMMY" in text
    assert "Аделаида" not in text
    assert "флоксы" not in text
