"""The start page: what is ready, what is ordered, what waits, and how the last days went. All of it is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template
from markupsafe import Markup

from domain import call_days, order_days, order_lists, sections, what_waits
from domain.call_days import Days, Failures, Times
from domain.db import utc_now
from domain.shop_days import day_of
from domain.standing_rules import Standstill
from providers.kinds import ProviderKind, StageType
from web.admin import first_run, plots
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
    found = sections.overview()
    known = call_days.since(days[0])
    lately, week = order_days.since(today, days[0])
    failures = _failures(known)
    return render_template(
        "admin/start.html",
        cards=[build_card(section) for section in found.values()],
        first_run=first_run.find_steps(found),
        counts=order_lists.count_by_state(),
        today=lately,
        week=week,
        waits=what_waits.look(now),
        days=days,
        paces=list(_paces(known, days)),
        failures=failures,
        failures_plot=plots.failures_plot(failures) if any(each.failed for each in failures.values()) else None,
        duration=plots.duration,
        failed_calls=plots.failed_calls,
        failure_words=plots.failure_words,
        anchor_of=anchor_of,
        SETTINGS=Standstill.SETTINGS,
    )


def _paces(known: Days, days: list[date]) -> Iterator[Pace]:
    for stage_type in StageType:
        if stage_type in known.times:
            by_day = known.times[stage_type]
            yield Pace(stage_type, known.overall[stage_type], by_day, plots.times_plot(by_day, days))


def _failures(known: Days) -> dict[ProviderKind, Failures]:
    """The providers that were called, the one with the most failures first."""
    return dict(sorted(known.failures.items(), key=lambda found: (-found[1].failed, found[0])))
