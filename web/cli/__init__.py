"""What an operator does from a terminal: `flask --app wsgi GROUP COMMAND`."""

from flask import Flask

from web.cli.accounts import admin_commands
from web.cli.alerts import alerts
from web.cli.api_tokens import api_tokens
from web.cli.orders import orders
from web.cli.prepare import prepare
from web.cli.providers import providers
from web.cli.secrets import secrets

__all__ = ["init_app"]


def init_app(app: Flask) -> None:
    """Add the commands to ``app``."""
    for command in (admin_commands, alerts, api_tokens, orders, prepare, providers, secrets):
        app.cli.add_command(command)
