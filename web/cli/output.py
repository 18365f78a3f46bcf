"""How commands refuse, read secrets and print."""

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from escaping import escape_controls


def echo(text: str, *, err: bool = False) -> None:
    """A line on standard output, or standard error; what others have written in it cannot steer the terminal."""
    click.echo(escape_controls(text), err=err)


class Refused(click.ClickException):
    """The command did nothing: one sentence on standard error, exit code 1. Wrong usage exits with 2."""

    def show(self, file: Any = None) -> None:
        click.echo(escape_controls(self.message), file=file, err=True)


class DatabaseGroup(AppGroup):
    """Commands that use the database, and say so in a sentence when they cannot."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SQLAlchemyError as error:
            sentence = "The database cannot be used ({}). Is it there, and migrated with `flask --app wsgi db upgrade`?"
            raise Refused(sentence.format(type(error).__name__)) from None


def read_secret(prompt: str) -> str:
    """A secret typed twice and not shown, or one line of standard input where that is no terminal."""
    if sys.stdin.isatty():
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def print_json(value: Any) -> None:
    """``value`` for machines; times in ISO 8601."""
    echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Rows for people, in columns; nothing stands as a dash."""
    lines = [list(heads), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def shown(value: object) -> str:
    """One value for people."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # In one line, and as wide as it is shown.
    return _plain(value) if isinstance(value, datetime) else escape_controls(str(value)).replace("\n", "\\n")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} cannot be printed")
