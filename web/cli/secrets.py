"""`flask secrets …`: the secrets of this installation, and changing the one that seals the providers' keys."""

import sys
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

import click

from domain.db import reading
from domain.maintenance import key_rotation
from domain.maintenance.encrypted_columns import Role
from domain.maintenance.key_rotation import Found, KeyUse, Outcome, Rotation
from domain.secrets.vault import Why
from web.cli.output import DatabaseGroup, echo, print_json, print_table

ACTOR = "command line"
#: The exit code where a key cannot be read; 2 is wrong usage.
UNREADABLE = 1

WHY_UNREADABLE = {
    Why.UNKNOWN_KEY: "sealed with the key {key_id}, which no secret here gives",
    Why.DOES_NOT_OPEN: "damaged, or copied from another place",
    Why.NOT_A_TOKEN: "not a sealed key at all",
}
WHAT_TO_DO = (
    "Bring the ADMIN_SECRET_KEY that sealed it back as ADMIN_SECRET_KEY_PREVIOUS, or enter the key anew on the page of"
    " its section."
)
OUTCOMES = {
    Outcome.RE_ENCRYPTED: "re-encrypted",
    Outcome.SKIPPED: "skipped, sealed with the present key already",
    Outcome.EMPTY: "empty",
    Outcome.FAILED: "failed",
}

secrets = DatabaseGroup("secrets", help="Secrets of this installation, and changing ADMIN_SECRET_KEY.")


@secrets.command("generate", with_appcontext=False)
def generate() -> None:
    """Print a fresh value for ADMIN_SECRET_KEY or SECRET_KEY; stores nothing."""
    echo(token_urlsafe(32))


@secrets.command("status")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show_status(as_json: bool) -> None:
    """Show which keys seal what, and which of them are here. Keys are named by ids, which are no secret. Reads only.

    Example: flask --app wsgi secrets status
    """
    with reading():
        uses, latest = key_rotation.count_uses(), key_rotation.latest_rotation()
        if as_json:
            rotated = {"at": latest.at, "actor": latest.actor, **latest.facts} if latest else None
            print_json({"key_id": uses[0].key_id, "keys": list(map(_facts_of_use, uses)), "last_rotation": rotated})
            return
        echo(f"The key {uses[0].key_id} seals now.")
        rows = ((use.key_id or "none", _held(use), *use.counts.values()) for use in uses)
        print_table(("KEY", "HERE", *(role.upper() for role in Role)), rows)
        if latest is not None:
            echo(f"Last rotated {latest.at:%Y-%m-%d %H:%M} UTC by the {latest.actor}.")


@secrets.command("rotate")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--skip-unreadable", is_flag=True, help="Go on where a key cannot be read, and leave it as it is.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def rotate(dry_run: bool, skip_unreadable: bool, as_json: bool) -> None:
    """Seal every stored key anew with ADMIN_SECRET_KEY; the old one has to be in ADMIN_SECRET_KEY_PREVIOUS.

    All or nothing, and safe to run again, also while everything runs. Exits with 1 where a key cannot be read.

    Example: flask --app wsgi secrets rotate --dry-run
    """
    done = key_rotation.rotate(ACTOR, dry_run=dry_run, skip_unreadable=skip_unreadable)
    if as_json:
        places = [{**_facts_of(found), "outcome": outcome} for found, outcome in done.places]
        facts: dict[str, Any] = {"key_id": done.key_id, "dry_run": dry_run, "committed": done.is_kept}
        print_json({**facts, **_named(done.counters), "places": places})
    else:
        _print_rotation(done, dry_run=dry_run)
    if done.counters[Outcome.FAILED]:
        sys.exit(UNREADABLE)


@secrets.command("verify")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(as_json: bool) -> None:
    """Try whether every stored key can be read, and name those that cannot. Reads only; exits with 1 for any.

    Example: flask --app wsgi secrets verify
    """
    with reading():
        found = key_rotation.verify()
    unreadable = [each for each in found if each.why]
    if as_json:
        print_json({"readable": len(found) - len(unreadable), "unreadable": list(map(_facts_of, unreadable))})
    elif not unreadable:
        echo(f"Every stored key can be read: {len(found)}.")
    else:
        for each in unreadable:
            echo(_sentence(each), err=True)
        echo(f"Cannot be read: {len(unreadable)} of {len(found)} stored keys. {WHAT_TO_DO}", err=True)
    if unreadable:
        sys.exit(UNREADABLE)


def _print_rotation(done: Rotation, *, dry_run: bool) -> None:
    for found, outcome in done.places:
        if outcome is Outcome.FAILED:
            echo(_sentence(found), err=True)
        elif outcome is not Outcome.EMPTY:
            echo(f"{_name(found)}: {OUTCOMES[outcome]}.")
    echo(", ".join(f"{outcome} {count}" for outcome, count in done.counters.items()) + ".")
    if dry_run:
        echo("This was a dry run: nothing was changed.")
    elif not done.is_kept:
        echo(f"Nothing was changed: a key cannot be read. {WHAT_TO_DO} --skip-unreadable leaves it.", err=True)
    else:
        echo(f"The key {done.key_id} seals now.")


def _sentence(found: Found) -> str:
    assert found.why is not None  # noqa: S101  # it is asked of those that cannot be read
    return f"{_name(found)}: {WHY_UNREADABLE[found.why].format(key_id=found.key_id)}."


def _name(found: Found) -> str:
    return f"{found.stage_type}, {found.role}" + (f" of order {found.order_id}" if found.order_id else "")


def _held(use: KeyUse) -> str:
    if use.seals:
        return "seals"
    return "opens" if use.opens else "missing"


def _named(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}


def _facts_of_use(use: KeyUse) -> dict[str, Any]:
    return {"key_id": use.key_id, "seals": use.seals, "opens": use.opens, **_named(use.counts)}


def _facts_of(found: Found) -> dict[str, Any]:
    return {
        "stage_type": found.stage_type,
        "kind": found.role,
        "order_id": found.order_id,
        "key_id": found.key_id,
        "reason": found.why,
    }
