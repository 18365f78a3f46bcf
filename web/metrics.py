"""`/metrics` for Prometheus: how much there is to do, how old it is, and how the providers answer.

All of it is read as it is asked for, from the database and the broker, so any web process may answer for all. No label
holds a word of a customer's.
"""

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

import redis
import structlog
from flask import Blueprint, Flask, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from domain import quotas
from domain.db import utc_now
from domain.monitoring import backlog, call_counters, call_stats
from domain.monitoring.call_counters import Tally
from domain.orders.models import StageState
from domain.provider_configs import overview
from settings import current_settings
from web.redis_client import open_redis, speaks_redis
from web.refusals import log_refusal

log = structlog.get_logger(__name__)

QUEUES = ("control", "generation")

blueprint = Blueprint("metrics", __name__)


def init_app(app: Flask) -> None:
    """Add the route to ``app``."""
    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def show() -> Response:
    """The figures, for whoever shows METRICS_TOKEN; there is no such page where that is not set."""
    token = current_settings().metrics_token
    if token is None:
        abort(404)
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        log_refusal("METRICS_TOKEN", "wrong" if shown else "missing")
        return Response("Show METRICS_TOKEN as a bearer token.\n", 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures())
    response = Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    response.headers["Cache-Control"] = "no-store"
    return response


class _Figures(Collector):
    def collect(self) -> Iterable[Metric]:
        now = utc_now()
        yield from _orders_and_stages(now)
        yield from _lists_of_models(now)
        yield from _quotas(now)
        yield from _answers()
        yield from _queues()


def _orders_and_stages(now: datetime) -> Iterator[Metric]:
    for name, numbers in (("orders", backlog.orders_by_state()), ("stages", backlog.stages_by_state())):
        by_state = GaugeMetricFamily(f"quatrain_{name}", f"{name.capitalize()} by state.", labels=["state"])
        for state, number in numbers.items():
            by_state.add_metric([state], number)
        yield by_state
    unfinished = GaugeMetricFamily(
        "quatrain_unfinished_stages", "Stages that are neither done nor failed.", labels=["stage_type", "state"]
    )
    oldest = GaugeMetricFamily(
        "quatrain_oldest_queued_stage_seconds", "Since when the oldest queued stage is due.", labels=["stage_type"]
    )
    for each in backlog.unfinished():
        unfinished.add_metric([each.stage_type, each.state], each.stages)
        if each.state is StageState.QUEUED:
            oldest.add_metric([each.stage_type], max((now - each.oldest_due_at).total_seconds(), 0))
    yield unfinished
    yield oldest


def _lists_of_models(now: datetime) -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "quatrain_models_age_seconds", "How long ago a section's list of models was fetched.", labels=["stage_type"]
    )
    for stage_type, section in overview.overview().items():
        fetched_at = section.row.models_cache_updated_at if section.row else None
        if fetched_at is not None:
            ages.add_metric([stage_type], max((now - fetched_at).total_seconds(), 0))
    yield ages


def _quotas(now: datetime) -> Iterator[Metric]:
    used = GaugeMetricFamily(
        "quatrain_provider_quota_used", "Calls of the last window, or jobs now.", labels=["provider", "of"]
    )
    allowed = GaugeMetricFamily("quatrain_provider_quota", "What the provider allows.", labels=["provider", "of"])
    for use in quotas.usage(now):
        used.add_metric([use.provider_kind, use.of], use.used)
        allowed.add_metric([use.provider_kind, use.of], use.allowed)
    yield used
    yield allowed


def _answers() -> Iterator[Metric]:
    answers = CounterMetricFamily(
        "quatrain_provider_answers", "How calls to providers have ended.", labels=["provider", "model", "outcome"]
    )
    times = HistogramMetricFamily(
        "quatrain_stage_seconds",
        "From the call of a work to its end, for jobs to that of the job.",
        labels=["provider", "model"],
    )
    rows = call_counters.all_tallies()
    for (kind, model, outcome), tallied in groupby(rows, lambda row: (row.provider_kind, row.model, row.outcome)):
        of_outcome = list(tallied)
        answers.add_metric([kind, model, outcome], sum(row.calls for row in of_outcome))
        if outcome == call_stats.ANSWERED:
            times.add_metric([kind, model], _buckets(of_outcome), sum(row.total_seconds for row in of_outcome))
    yield answers
    yield times


def _buckets(rows: list[Tally]) -> list[tuple[str, float]]:
    calls = {row.seconds: row.calls for row in rows}
    buckets, so_far = [], 0
    for bound in call_stats.BOUNDS:
        so_far += calls.get(bound, 0)
        buckets.append((str(float(bound)), float(so_far)))
    return [*buckets, ("+Inf", float(so_far + calls.get(call_stats.LONGER, 0)))]


def _queues() -> Iterator[Metric]:
    """Nothing is said of a broker that is away; `/readyz` says that it is."""
    url = current_settings().broker
    lengths = GaugeMetricFamily("quatrain_queue_length", "Messages that no worker has taken.", labels=["queue"])
    if speaks_redis(url):
        try:
            with open_redis(url) as client:
                for queue in QUEUES:
                    lengths.add_metric([queue], float(client.llen(queue)))
        except redis.RedisError as error:
            log.warning("broker away, queues not counted", error=type(error).__name__)
    yield lengths
