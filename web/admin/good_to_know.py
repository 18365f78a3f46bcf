"""What is done by commands, and what else one has to know once: the page that the menu leads to."""

from dataclasses import dataclass
from datetime import date, datetime
from shlex import quote

from flask import render_template
from flask_babel import gettext as _

from domain.accounts.api_tokens import ApiToken, Rights, Scope, Standing, unrevoked_tokens
from domain.calendar import day_of
from domain.db import utc_now
from settings import current_settings
from web.admin.blueprint import blueprint

MAX_TOKENS = 50


@dataclass(frozen=True, slots=True)
class TokenShown:
    """What the page tells of one token. ``may`` is in words, ``last_day`` one of the shop."""

    name: str
    has_ended: bool
    may: list[str]
    last_day: date | None
    orders_per_day: int | None
    placed_today: int


@blueprint.get("/help")
def good_to_know() -> str:
    """The page; it reads the settings, and from one query what the tokens may do."""
    scheme, _separator, file = current_settings().database_url.partition(":///")
    now, rows = utc_now(), unrevoked_tokens(MAX_TOKENS)
    reads_all = next((row for row in rows if _reads_all(row, now)), None)
    return render_template(
        "admin/good_to_know.html",
        sqlite_file=quote(file) if scheme == "sqlite" else None,
        tokens=[_shown(row, now) for row in rows],
        its_own_only=_without_the_others(reads_all) if reads_all else None,
    )


def _shown(row: ApiToken, now: datetime) -> TokenShown:
    return TokenShown(
        name=row.name,
        has_ended=row.standing_at(now) is Standing.ENDED,
        may=_in_words(row.rights),
        last_day=row.last_day,
        orders_per_day=row.orders_per_day,
        placed_today=row.orders_on(day_of(now)),
    )


def _reads_all(row: ApiToken, now: datetime) -> bool:
    return row.rights.allow(Scope.ADMIN_READ) and row.standing_at(now) is Standing.SERVES


def _without_the_others(row: ApiToken) -> str:
    """What leaves the token all that it may but the orders of others, after ``api-token set``."""
    scopes = row.rights.scopes - {Scope.ADMIN_READ} | {Scope.ORDERS_READ}
    return " ".join([quote(row.name), *(f"--scope {scope}" for scope in sorted(scopes))])


def _in_words(rights: Rights) -> list[str]:
    words = [_("places orders")] if rights.allow(Scope.ORDERS_WRITE) else []
    if rights.allow(Scope.ADMIN_READ):
        return [*words, _("sees the orders of everybody")]
    return [*words, _("sees its own orders")] if rights.allow(Scope.ORDERS_READ) else words
