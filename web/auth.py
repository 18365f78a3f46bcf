"""Signing in and out, and the guard before every page under /admin."""

import structlog
from flask import Blueprint, Flask, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from domain import accounts
from domain.db import db, reading

log = structlog.get_logger(__name__)
blueprint = Blueprint("auth", __name__, url_prefix="/admin")

GUARDED_PATH = "/admin"
OPEN_ENDPOINTS = {"auth.login", "auth.sign_in"}


class LoginForm(FlaskForm):
    """A name and a password; ``csrf_token`` comes with every form."""

    username = StringField(
        _("Name"),
        validators=[InputRequired(), Length(max=200)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True},
    )
    password = PasswordField(
        _("Password"),
        validators=[InputRequired(), Length(max=accounts.LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


def init_app(app: Flask) -> None:
    """Guard the pages of ``app``; must come after the check of forms, so that a forged one is refused first."""
    app.before_request(_require_sign_in)
    app.register_blueprint(blueprint)


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """The form, or the start page for those who have signed in already."""
    if _find_signed_in() is not None:
        return redirect(url_for("admin.start"), code=303)
    return _login_page(LoginForm(), 200)


@blueprint.post("/login")
def sign_in() -> ResponseReturnValue:
    """Begin a session, a new one whatever came before; it holds who signed in and nothing of theirs."""
    form = LoginForm()
    if not form.validate_on_submit():
        return _login_page(form, 422)
    # No write lock for as long as the hash takes.
    with reading():
        administrator = accounts.sign_in(form.username.data, form.password.data)
    if administrator is None:
        log.warning("sign-in refused", address=request.remote_addr)
        form.password.errors = [gettext("The name or the password is wrong.")]
        return _login_page(form, 422)
    session.clear()
    session.permanent = True
    session["administrator_id"], session["epoch"] = administrator.id, administrator.epoch
    log.info("signed in", administrator=administrator.username, address=request.remote_addr)
    return redirect(url_for("admin.start"), code=303)


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    flash(gettext("You have signed out."), "success")
    return redirect(url_for("auth.login"), code=303)


def _login_page(form: LoginForm, status: int) -> ResponseReturnValue:
    nobody = not accounts.has_administrators()
    return render_template("login.html", form=form, nobody_can_sign_in=nobody), status


def _require_sign_in() -> ResponseReturnValue | None:
    g.actor = ""
    inside = request.path == GUARDED_PATH or request.path.startswith(GUARDED_PATH + "/")
    if not inside or request.endpoint in OPEN_ENDPOINTS:
        return None
    with reading():
        administrator = _find_signed_in()
    if administrator is None:
        return redirect(url_for("auth.login"), code=303)
    # A plain text: pages of errors show it too, when the database may be away.
    g.actor = administrator.username
    # Ends the read, so that a change that follows begins its own transaction with nothing seen before it.
    if request.method == "POST":
        db.session.rollback()
    return None


def _find_signed_in() -> accounts.Administrator | None:
    administrator_id, epoch = session.get("administrator_id"), session.get("epoch")
    if administrator_id is None or epoch is None:
        return None
    return accounts.find_administrator(administrator_id, epoch)
