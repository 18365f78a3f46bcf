"""Small plots, drawn here as SVG: no script, no style that the Content-Security-Policy would forbid.

Their colours come from static/app.css, so that they follow the page from light to dark. What a plot shows stands beside
it in words or in a table as well: screen readers are told to pass it over.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from xml.etree import ElementTree  # nosec B405  # only writes

from flask_babel import format_date, format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel.speaklater import LazyString
from leather import Chart
from markupsafe import Markup

from domain.monitoring.call_stats import Failures, Times
from domain.orders.models import StageReason
from providers.kinds import ProviderKind
from web.i18n.messages import PROVIDER_TITLES, reason_words

WIDTH, HEIGHT = 300, 150
BAR_HEIGHT = 34
#: Drawings that are kept: those of both languages, and of some days.
KEPT = 64
#: Seconds at the top of an axis; the next one that all columns fit under is taken.
TOPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
MINUTE = 60


def duration(seconds: float) -> str:
    """So many seconds, as short as they can be said: "0.4 s", "42 s", "3 min"."""
    if seconds < MINUTE:
        return _("%(number)s s", number=format_decimal(round(seconds, 1) if seconds < 10 else round(seconds)))
    minutes = seconds / MINUTE
    return _("%(number)s min", number=format_decimal(round(minutes, 1) if minutes < 10 else round(minutes)))


def times_plot(times: Mapping[date, Times], days: Sequence[date]) -> Markup:
    """A column for each of ``days``: within how many seconds half of its works were made."""
    heights = tuple((format_date(day, "ccc"), times[day].median if day in times else 0) for day in days)
    highest = max(height for _name, height in heights)
    top = next((top for top in TOPS if top >= highest), TOPS[-1])
    return _columns(heights, tuple((value, duration(value)) for value in (0, top / 2, top)))


def failures_plot(failures: Mapping[ProviderKind, Failures]) -> Markup:
    """A bar for each provider: how many of its calls failed."""
    lengths = tuple((each.failed, str(PROVIDER_TITLES[kind])) for kind, each in failures.items())
    longest = max((length for length, _title in lengths), default=0) or 1
    return _bars(lengths, tuple((value, format_decimal(value)) for value in (0, longest)))


def failed_calls(each: Failures) -> str:
    """How many of how many."""
    return ngettext(
        "%(failed)s of %(num)d call failed", "%(failed)s of %(num)d calls failed", each.calls, failed=each.failed
    )


def failure_words(code: str) -> LazyString | str:
    """Why a call brought no work, in a few words."""
    return _("a worker was stopped in the middle of it") if code == StageReason.WORKER_GONE else reason_words(code)


# The page asks for the same pictures every few seconds, and to draw one takes longer than a query.
@lru_cache(maxsize=KEPT)
def _columns(heights: tuple[tuple[str, float], ...], ticks: tuple[tuple[float, str], ...]) -> Markup:
    chart = Chart()
    chart.add_columns(heights)
    chart.add_y_scale(0, ticks[-1][0])
    chart.add_y_axis(ticks=[value for value, _words in ticks], tick_formatter=_words_of(ticks))
    return _drawn(chart, HEIGHT)


@lru_cache(maxsize=KEPT)
def _bars(lengths: tuple[tuple[int, str], ...], ticks: tuple[tuple[int, str], ...]) -> Markup:
    chart = Chart()
    chart.add_bars(lengths)
    chart.add_x_scale(0, ticks[-1][0])
    chart.add_x_axis(ticks=[value for value, _words in ticks], tick_formatter=_words_of(ticks))
    return _drawn(chart, BAR_HEIGHT * (len(lengths) + 1))


def _words_of(ticks: Sequence[tuple[float, str]]) -> Callable[[float, int, int], str]:
    """What stands at each tick, as the library asks for it."""
    words = dict(ticks)
    return lambda value, _place, _count: words[value]


def _drawn(chart: Chart, height: int) -> Markup:
    svg = ElementTree.Element(
        "svg", {"class": "plot", "viewBox": f"0 0 {WIDTH} {height}", "aria-hidden": "true", "focusable": "false"}
    )
    svg.append(chart.to_svg_group(WIDTH, height))
    # The library escapes what it is given, as it builds elements and no text.
    return Markup(ElementTree.tostring(svg, encoding="unicode"))  # noqa: S704
