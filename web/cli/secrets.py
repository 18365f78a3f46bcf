"""`flask secrets …`: the secrets of this installation."""

from secrets import token_urlsafe

import click
from flask.cli import AppGroup

secrets = AppGroup("secrets", help="Secrets of this installation.")


@secrets.command("generate", with_appcontext=False)
def generate() -> None:
    """Print a fresh value for ADMIN_SECRET_KEY or SECRET_KEY; stores nothing."""
    click.echo(token_urlsafe(32))
