"""Which language a page speaks: Russian, until ``?lang=en`` says otherwise; a cookie remembers it."""

import math
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from flask import Flask, Response, request
from flask_babel import format_date, format_datetime, format_decimal, format_timedelta, get_locale
from flask_babel import gettext as _
from markupsafe import Markup

from domain.db import utc_now
from web.extensions import babel

LANGUAGES = ("ru", "en")
DEFAULT_LANGUAGE = "ru"
COOKIE = "lang"
COOKIE_LIVES = timedelta(days=365)
JUST_NOW = timedelta(seconds=2)
SHORTEST = timedelta(seconds=1)


def init_app(app: Flask) -> None:
    """Give ``app`` its languages, and templates the words for times, sizes and addresses."""
    babel.init_app(app, default_locale=DEFAULT_LANGUAGE, locale_selector=_language_of_request)
    app.add_template_filter(ago)
    app.add_template_filter(how_long)
    app.add_template_filter(file_size)
    app.add_template_filter(exact_time)
    app.add_template_filter(day)
    app.add_template_filter(short_day)
    app.add_template_filter(format_decimal, "number")
    app.add_template_global(page_language, "page_language")
    app.add_template_global(language_url, "language_url")
    app.after_request(_remember)


def page_language() -> str:
    """Code of the language that the present request is answered in."""
    return str(get_locale() or DEFAULT_LANGUAGE)


def language_url(language: str) -> str:
    """The present page in another language, relative to it."""
    return "?" + urlencode([*((k, v) for k, v in request.args.items(multi=True) if k != COOKIE), (COOKIE, language)])


def ago(moment: datetime) -> Markup:
    """``moment`` as people say it, "3 minutes ago", with the exact time for machines and for the mouse."""
    distance = moment - utc_now()
    near = abs(distance) < JUST_NOW
    words = _("just now") if near else format_timedelta(distance, granularity="second", add_direction=True)
    return _with_exact_time(moment, words)


def how_long(since: datetime) -> Markup:
    """The time that has passed ``since`` then, "3 minutes", with the exact time for machines and for the mouse."""
    return _with_exact_time(since, format_timedelta(max(utc_now() - since, SHORTEST), granularity="second"))


def exact_time(moment: datetime) -> Markup:
    """The time itself, for lists in which "yesterday" would say too little."""
    return _with_exact_time(moment, format_datetime(moment, "d MMM yyyy, HH:mm") + " UTC")


def day(moment: date) -> str:
    """A day as people write it."""
    return str(format_date(moment, "long"))


def short_day(moment: date) -> str:
    """A day of these weeks, for tables and plots."""
    return str(format_date(moment, "ccc, d MMM"))


def _with_exact_time(moment: datetime, words: str) -> Markup:
    exact = format_datetime(moment, "d MMMM yyyy, HH:mm") + " UTC"
    stamp = moment.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, exact, words)


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
