"""`flask prepare`: what has to be done once before the processes of a new release start."""

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade

from domain import accounts, alert_targets
from settings import current_settings
from web.cli.accounts import create_first_administrator
from web.cli.terminal import Refused


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Bring the database up to date, and create the first administrator. Safe to run again.

    Refuses, and does nothing, where ALERT_URLS holds an address that cannot be used. Says it where no time zone is
    known. One command, because each one costs the start of a process.
    """
    if complaint := alert_targets.complaint(current_settings().alert_urls):
        raise Refused(complaint)
    upgrade()
    if remark := current_settings().zone_remark:
        click.echo(remark)
    if current_settings().admin_password is not None:
        create_first_administrator()
    elif not accounts.has_administrators():
        click.echo("Nobody can sign in yet. Create an administrator: flask --app wsgi admin create NAME")
