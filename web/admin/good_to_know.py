"""What is done by commands, and what else one has to know once: the page that the menu leads to."""

from shlex import quote

from flask import render_template

from settings import current_settings
from web.admin.blueprint import blueprint


@blueprint.get("/help")
def good_to_know() -> str:
    """The page; it reads nothing but the settings."""
    scheme, _separator, file = current_settings().database_url.partition(":///")
    return render_template("admin/good_to_know.html", sqlite_file=quote(file) if scheme == "sqlite" else None)
