"""The start page: what is ready, what is ordered, what waits, and how the last days went. All of it is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template
from markupsafe import Markup

from domain.calendar import day_of
from domain.db import utc_now
from domain.monitoring import call_stats, order_stats, stuck_summary
from domain.monitoring.call_stats import Days, Failures, Times
from domain.monitoring.stuck_rules import StuckReason
from domain.orders import queries
from domain.provider_configs import overview
from providers.kinds import ProviderKind, StageType
from web.admin import charts, onboarding
from web.admin.blueprint import blueprint
from web.admin.section_cards import anchor_of, build_card

DAYS = 7


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the works of one kind took lately."""

    stage_type: StageType
    overall: Times
    by_day: Mapping[date, Times]
    plot: Markup


@blueprint.get("")
def start() -> str:
    """The whole page. It costs the same however many orders are done."""
    now = utc_now()
    today = day_of(now)
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    found = overview.overview()
    known = call_stats.since(days[0])
    lately, week = order_stats.since(today, days[0])
    failures = _failures(known)
    return render_template(
        "admin/start.html",
        cards=[build_card(section) for section in found.values()],
        first_run=onboarding.find_steps(found),
        counts=queries.count_by_state(),
        today=lately,
        week=week,
        waits=stuck_summary.look(now),
        days=days,
        paces=list(_paces(known, days)),
        failures=failures,
        failures_plot=charts.failures_plot(failures) if any(each.failed for each in failures.values()) else None,
        duration=charts.duration,
        failed_calls=charts.failed_calls,
        failure_words=charts.failure_words,
        anchor_of=anchor_of,
        SETTINGS=StuckReason.SETTINGS,
    )


def _paces(known: Days, days: list[date]) -> Iterator[Pace]:
    for stage_type in StageType:
        if stage_type in known.times:
            by_day = known.times[stage_type]
            yield Pace(stage_type, known.overall[stage_type], by_day, charts.times_plot(by_day, days))


def _failures(known: Days) -> dict[ProviderKind, Failures]:
    """The providers that were called, the one with the most failures first."""
    return dict(sorted(known.failures.items(), key=lambda found: (-found[1].failed, found[0])))
