"""`flask prepare`: what has to be done once before the processes of a new release start."""

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade

from domain.accounts import administrators
from domain.monitoring import alert_targets
from private_files import close_to_others
from settings import current_settings
from web.cli.accounts import create_first_administrator
from web.cli.output import Refused, echo


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Bring the database up to date, and create the first administrator. Safe to run again.

    Takes from other users of the machine what they could read of the data. Refuses, and does nothing, where ALERT_URLS
    holds an address that cannot be used. Says it where no time zone is known. One command, because each one costs the
    start of a process.
    """
    if complaint := alert_targets.complaint(current_settings().alert_urls):
        raise Refused(complaint)
    upgrade()
    settings = current_settings()
    folders = [each for each in (settings.var_dir, settings.media_dir) if each]
    for path in close_to_others(folders, settings.database_url):
        echo(f"{path} can be read by other users of this machine, and is not ours to close; chmod go= {path}")
    if remark := current_settings().zone_remark:
        echo(remark)
    if current_settings().admin_password is not None:
        create_first_administrator()
    elif not administrators.has_administrators():
        echo("Nobody can sign in yet. Create an administrator: flask --app wsgi admin create NAME")
