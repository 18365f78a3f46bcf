"""Which language a page speaks: Russian, until ``?lang=en`` says otherwise; a cookie remembers it.

Times on pages are those of the shop, in its time zone; what is for programs tells them in UTC.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from flask import Flask, Response, g, request
from flask_babel import format_date, format_datetime, format_decimal, format_timedelta, get_locale
from flask_babel import gettext as _
from markupsafe import Markup

from domain.calendar import day_of
from domain.db import utc_now
from settings import current_settings
from web.extensions import babel

LANGUAGES = ("ru", "en")
DEFAULT_LANGUAGE = "ru"
COOKIE = "lang"
COOKIE_LIVES = timedelta(days=365)
#: What is searched for, and ids, states and kinds.
_ASKED_BY_OUR_LINKS = re.compile(
    r"q=.*|(?:before|like|stuck)=\d{1,19}|(?:state|another_key_for)=[A-Za-z_]{1,20}", re.DOTALL
)
JUST_NOW = timedelta(seconds=2)
SHORTEST = timedelta(seconds=1)


def init_app(app: Flask) -> None:
    """Give ``app`` its languages, and templates the words for times, sizes and addresses."""
    babel.init_app(app, default_locale=DEFAULT_LANGUAGE, locale_selector=_language_of_request, timezone_selector=_zone)
    app.add_template_filter(ago)
    app.add_template_filter(due)
    app.add_template_filter(how_long)
    app.add_template_filter(file_size)
    app.add_template_filter(exact_time)
    app.add_template_filter(day)
    app.add_template_filter(short_day)
    app.add_template_filter(format_decimal, "number")
    app.add_template_global(zone_name, "zone_name")
    app.add_template_global(page_language, "page_language")
    app.add_template_global(language_url, "language_url")
    app.after_request(_remember)


def page_language() -> str:
    """Code of the language that the present request is answered in."""
    return str(get_locale() or DEFAULT_LANGUAGE)


def language_url(language: str) -> str:
    """The present page in another language, relative to it.

    No page repeats what a stranger has asked for, nor, to those who are signed in, what none of our own links asks for.
    """
    asked = {name: value for name, value in request.args.items() if _ASKED_BY_OUR_LINKS.fullmatch(f"{name}={value}")}
    return "?" + urlencode({**(asked if g.get("actor") else {}), COOKIE: language})


def zone_name() -> str:
    """The time zone that times are told in, as ``TIME_ZONE`` takes it."""
    return current_settings().zone.key.removeprefix("Etc/")


def ago(moment: datetime) -> Markup:
    """A ``moment`` that has passed, "3 minutes ago (today, 13:06)", with the whole time for machines and the mouse."""
    words = _("just now") if utc_now() - moment < JUST_NOW else _distance(moment)
    return _as_time(moment, f"{words} ({exact_words(moment)})")


def due(moment: datetime) -> Markup:
    """A ``moment`` at which something is planned, "in 4 minutes (today, 13:10)"; once it is there, "any moment"."""
    if moment - utc_now() < JUST_NOW:
        return _as_time(moment, _("any moment"))
    return _as_time(moment, f"{_distance(moment)} ({exact_words(moment)})")


def how_long(since: datetime) -> Markup:
    """The time that has passed ``since`` then: "3 minutes (since 13:06)"."""
    passed = format_timedelta(max(utc_now() - since, SHORTEST), granularity="second")
    begun = format_datetime(since, "HH:mm") if _is_today(since) else _date_and_time(since)
    return _as_time(since, _("%(duration)s (since %(when)s)", duration=passed, when=begun))


def exact_time(moment: datetime) -> Markup:
    """The time itself, "today, 13:06"."""
    return _as_time(moment, exact_words(moment))


def exact_words(moment: datetime) -> str:
    """The time itself in words alone: "today, 13:06", "yesterday, 18:40", "12 Nov, 09:15"."""
    days = (day_of(moment) - day_of(utc_now())).days
    of_day = format_datetime(moment, "HH:mm")
    if days == 0:
        return _("today, %(time)s", time=of_day)
    if days == -1:
        return _("yesterday, %(time)s", time=of_day)
    return _("tomorrow, %(time)s", time=of_day) if days == 1 else _date_and_time(moment)


def day(moment: date) -> str:
    """A day as people write it."""
    return str(format_date(moment, "long"))


def short_day(moment: date) -> str:
    """A day of these weeks, for tables and plots."""
    return str(format_date(moment, "ccc, d MMM"))


def _distance(moment: datetime) -> str:
    return str(format_timedelta(moment - utc_now(), granularity="second", add_direction=True))


def _date_and_time(moment: datetime) -> str:
    is_this_year = day_of(moment).year == day_of(utc_now()).year
    return str(format_datetime(moment, "d MMM, HH:mm" if is_this_year else "d MMM yyyy, HH:mm"))


def _is_today(moment: datetime) -> bool:
    return day_of(moment) == day_of(utc_now())


def _as_time(moment: datetime, words: str) -> Markup:
    whole = f"{format_datetime(moment, 'd MMMM yyyy, HH:mm:ss')} ({zone_name()})"
    stamp = moment.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, whole, words)


def _zone() -> tzinfo:
    return current_settings().zone


def file_size(size_bytes: int) -> str:
    """A size in units of a thousand, as shops and file managers show it."""
    if size_bytes < 1_000_000:
        return _("%(size)s kB", size=format_decimal(math.ceil(size_bytes / 1000)))
    return _("%(size)s MB", size=format_decimal(round(size_bytes / 1_000_000, 1)))


def _language_of_request() -> str:
    asked = request.args.get(COOKIE) or request.cookies.get(COOKIE)
    return asked if asked in LANGUAGES else DEFAULT_LANGUAGE


def _remember(response: Response) -> Response:
    asked = request.args.get(COOKIE)
    if asked in LANGUAGES:
        response.set_cookie(
            COOKIE, asked, max_age=COOKIE_LIVES, httponly=True, samesite="Lax", secure=request.is_secure
        )
    return response
