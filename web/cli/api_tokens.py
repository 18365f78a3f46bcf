"""`flask api-token …`: what a shop's programs sign in with, and what they may do."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from domain.accounts import api_tokens as tokens
from domain.accounts.api_tokens import MAX_ORDERS_PER_DAY, ApiToken, Rights, Scope, Standing
from domain.accounts.rules import AccountRefused
from domain.calendar import day_of
from domain.db import utc_now
from domain.orders import token_orders
from web.cli.output import DatabaseGroup, Refused, echo, print_json, print_table

api_tokens = DatabaseGroup("api-token", help="API tokens: what a shop's programs sign in with.")

HEADS = ("NAME", "STANDING", "SCOPES", "LAST DAY", "ORDERS A DAY", "TODAY", "CREATED", "LAST USED", "REVOKED")

scope_option = click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; more than one can be given. admin:read reads the orders of everybody.",
)
ends_option = click.option(
    "--ends", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which it serves, in the time zone of TIME_ZONE."
)
quota_option = click.option(
    "--orders-per-day",
    type=click.IntRange(1, MAX_ORDERS_PER_DAY),
    help="How many orders it may place from midnight to midnight, in the time zone of TIME_ZONE.",
)


@api_tokens.command("create")
@click.argument("name")
@scope_option
@ends_option
@quota_option
def create_api_token(name: str, scopes: tuple[str, ...], ends: datetime | None, orders_per_day: int | None) -> None:
    """Create a token called NAME and print it, once: only a hash of it is kept.

    Without --scope it may place orders, and look at and erase those that it has placed itself (orders:read,
    orders:write).

    Example: flask --app wsgi api-token create shop --ends 2027-12-31 --orders-per-day 200
    """
    try:
        rights = _changed(Rights(), scopes, ends, orders_per_day)
        echo(tokens.create_api_token(name, rights))
    except AccountRefused as refused:
        raise Refused(str(refused)) from None


@api_tokens.command("set")
@click.argument("name")
@scope_option
@ends_option
@click.option("--no-end", is_flag=True, help="It serves until it is revoked.")
@quota_option
@click.option("--no-quota", is_flag=True, help="It may place any number of orders.")
def change_api_token(
    name: str,
    scopes: tuple[str, ...],
    ends: datetime | None,
    no_end: bool,
    orders_per_day: int | None,
    no_quota: bool,
) -> None:
    """Change what the token called NAME may do, from its next request on; what is not named stays as it is.

    The scopes that are given replace all that it has.

    Example: flask --app wsgi api-token set shop --scope orders:read --scope orders:write
    """
    if (ends and no_end) or (orders_per_day and no_quota):
        raise click.UsageError("Give --ends or --no-end, and --orders-per-day or --no-quota.")
    if not (scopes or ends or no_end or orders_per_day or no_quota):
        raise click.UsageError("Say what is to be changed.")

    def change(rights: Rights) -> Rights:
        rights = replace(rights, ends_at=None) if no_end else rights
        rights = replace(rights, orders_per_day=None) if no_quota else rights
        return _changed(rights, scopes, ends, orders_per_day)

    try:
        row = token_orders.change_api_token(name, change)
    except AccountRefused as refused:
        raise Refused(str(refused)) from None
    print_table(HEADS, [_cells(row, utc_now())])


@api_tokens.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_api_tokens(as_json: bool) -> None:
    """List the tokens, newest first, each with what it may do and its last use to the minute.

    The tokens themselves are not known.
    """
    rows, now = tokens.list_api_tokens(), utc_now()
    if as_json:
        print_json([_facts(row, now) for row in rows])
        return
    print_table(HEADS, [_cells(row, now) for row in rows])
    everybodys = [row.name for row in rows if _reads_all(row, now)]
    if everybodys:
        echo(
            f"Reading the orders of everybody (admin:read): {', '.join(everybodys)}. To leave a token those that it has"
            " placed itself: flask --app wsgi api-token set NAME --scope orders:read, and --scope orders:write if it"
            " places any.",
            err=True,
        )


@api_tokens.command("revoke")
@click.argument("name")
def revoke_api_token(name: str) -> None:
    """Refuse the token called NAME from now on; orders that it placed go on.

    Example: flask --app wsgi api-token revoke shop
    """
    try:
        tokens.revoke_api_token(name)
    except AccountRefused as refused:
        raise Refused(str(refused)) from None
    echo(f"The token {name} is revoked.")


def _changed(rights: Rights, scopes: tuple[str, ...], ends: datetime | None, orders_per_day: int | None) -> Rights:
    """``rights`` with what was asked for. Raises ``AccountRefused`` for a day that is over."""
    if scopes:
        rights = replace(rights, scopes=frozenset(map(Scope, scopes)))
    if ends is not None:
        rights = replace(rights, ends_at=tokens.end_of(ends.date(), utc_now()))
    return replace(rights, orders_per_day=orders_per_day) if orders_per_day is not None else rights


def _reads_all(row: ApiToken, now: datetime) -> bool:
    return row.standing_at(now) is Standing.SERVES and row.rights.allow(Scope.ADMIN_READ)


def _facts(row: ApiToken, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "standing": row.standing_at(now),
        "scopes": row.scopes.split(),
        "ends_at": row.ends_at,
        "orders_per_day": row.orders_per_day,
        "orders_today": row.orders_on(day_of(now)),
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }


def _cells(row: ApiToken, now: datetime) -> list[object]:
    in_words = {"scopes": row.scopes, "ends_at": row.last_day or "never", "orders_per_day": row.orders_per_day or "any"}
    return list((_facts(row, now) | in_words).values())
