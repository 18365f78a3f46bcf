"""`flask admin …`: who may sign in to the pages."""

import click

from domain.accounts import administrators
from domain.accounts.rules import ADVISED_PASSWORD, MIN_PASSWORD_LENGTH, AccountRefused, PasswordRefused
from settings import current_settings
from web.auth.known_devices import INVITATION_LIVES, invitation
from web.cli.output import DatabaseGroup, Refused, echo, print_table, read_secret

PASSWORD_PROMPT = f"Password of {MIN_PASSWORD_LENGTH} characters or more, better {ADVISED_PASSWORD}"

admin_commands = DatabaseGroup("admin", help="Administrators: who signs in to the pages.")


@admin_commands.command("create")
@click.argument("name", required=False)
@click.option("--first", is_flag=True, help="ADMIN_USERNAME with ADMIN_PASSWORD, unless somebody can sign in already.")
def create_administrator(name: str | None, first: bool) -> None:
    """Create the administrator NAME; the password is asked for, or read from standard input.

    A password has 8 to 1024 characters of any kind; 15 or more are advised, such as a few words. What somebody would
    try first is refused: common passwords, names, dates, rows of keys.

    Example: flask --app wsgi admin create maria
    """
    if first == bool(name):
        raise click.UsageError("Give a NAME, or --first.")
    if first:
        create_first_administrator()
        return
    try:
        administrator = administrators.create_administrator(str(name), read_secret(PASSWORD_PROMPT))
    except AccountRefused as refused:
        raise Refused(str(refused)) from None
    echo(f"Created the administrator {administrator.username}.")


@admin_commands.command("set-password")
@click.argument("name")
def set_password(name: str) -> None:
    """Replace the password of NAME and end all of their sessions.

    Example: flask --app wsgi admin set-password maria
    """
    try:
        administrators.set_password(name, read_secret(PASSWORD_PROMPT))
    except AccountRefused as refused:
        raise Refused(str(refused)) from None
    echo(f"The password of {name} is set; their sessions have ended.")


@admin_commands.command("let-in")
@click.argument("name")
def let_in(name: str) -> None:
    """Print an address that makes a device known for NAME, on which nobody has signed in before.

    For when sign-ins are refused there because somebody guesses the password from many addresses: a device that is
    known is counted by itself. It opens nothing without the password, and is good for 15 minutes.

    Example: flask --app wsgi admin let-in maria
    """
    administrator = administrators.find_by_name(name)
    if administrator is None:
        raise Refused(f"There is no administrator called {name}.")
    settings = current_settings()
    base = settings.public_url.rstrip("/") or f"http://localhost:{settings.port}"
    minutes = int(INVITATION_LIVES.total_seconds() / 60)
    echo(f"Open this on the new device within {minutes} minutes, and sign in there as usual:")
    if not settings.public_url:
        echo("PUBLIC_URL is not set: put the address at which that device reaches Quatrain in place of the first part.")
    echo(f"{base}/admin/login?device={invitation(administrator.username, administrator.epoch)}")


@admin_commands.command("remove")
@click.argument("name")
@click.option("--even-the-last", is_flag=True, help="Also when nobody could sign in any more.")
def remove_administrator(name: str, even_the_last: bool) -> None:
    """Remove the administrator NAME, which ends all of their sessions; histories keep the name.

    Example: flask --app wsgi admin remove maria
    """
    try:
        administrators.remove_administrator(name, even_the_last=even_the_last)
    except AccountRefused as refused:
        raise Refused(str(refused)) from None
    echo(f"The administrator {name} is removed; their sessions have ended.")


@admin_commands.command("list")
def list_administrators() -> None:
    """List the administrators."""
    rows = ((each.username, each.created_at, each.last_signed_in_at) for each in administrators.list_administrators())
    print_table(("NAME", "CREATED", "LAST SIGN-IN"), rows)


def create_first_administrator() -> None:
    """Create the administrator of the environment while nobody can sign in; safe to run at every start."""
    if administrators.has_administrators():
        echo("There is an administrator already; nothing was changed.")
        return
    settings = current_settings()
    if settings.admin_password is None:
        raise Refused("ADMIN_PASSWORD is not set, so the first administrator cannot be created.")
    try:
        administrators.create_administrator(settings.admin_username, settings.admin_password.get_secret_value())
    except AccountRefused as refused:
        # Two releases may start at the same moment: the other one has created it.
        if administrators.has_administrators():
            echo("There is an administrator already; nothing was changed.")
            return
        raise Refused(
            f"The first administrator was not created. {refused} Put such a one into ADMIN_PASSWORD and start again."
            if isinstance(refused, PasswordRefused)
            else f"The first administrator was not created. {refused}"
        ) from None
    echo(f"Created the administrator {settings.admin_username}; the password is that of ADMIN_PASSWORD.")
