"""Signing in and out, and the guard before every page under /admin."""

import structlog
from flask import Blueprint, Flask, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from domain.accounts import administrators
from domain.db import db, reading, utc_now
from web.auth import known_devices, sessions
from web.auth.rate_limits import (
    SIGN_INS_OF_ADDRESS,
    SIGN_INS_OF_DEVICE,
    SIGN_INS_OF_NAME,
    SIGN_INS_OF_NAME_AT_ADDRESS,
    keep_count,
    limiter,
    name_at_address,
    name_that_is_tried,
)
from web.middleware.strict_forms import accept_form
from web.refusals import log_refusal
from web.typed_form import TypedForm

log = structlog.get_logger(__name__)
blueprint = Blueprint("auth", __name__, url_prefix="/admin")

GUARDED_PATH = "/admin"
#: What a browser is to forget as somebody signs out: drafts, and pages that it could still show. Not its cookies, which
#: hold language, colours and what a known device is known by. Over plain HTTP browsers do not listen (static/draft.js).
FORGET = {"Clear-Site-Data": '"cache", "storage"'}
OPEN_ENDPOINTS = {"auth.login", "auth.sign_in"}


class LoginForm(TypedForm):
    """A name and a password; ``csrf_token`` comes with every form.

    Only an empty field is named. Whatever else cannot be a name or a password is simply a wrong one.
    """

    FIELDS = ("username", "password")

    username = StringField(
        _("Name"),
        validators=[InputRequired()],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True},
    )
    password = PasswordField(
        _("Password"), validators=[InputRequired()], render_kw={"autocomplete": "current-password"}
    )


def init_app(app: Flask) -> None:
    """Guard the pages of ``app``; must come after the check of forms, so that a forged one is refused first."""
    app.before_request(_require_sign_in)
    app.register_blueprint(blueprint)


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """The form, or the start page for those who have signed in already.

    With ``?device=…`` it first makes the device known: what `admin let-in` prints.
    """
    if "device" in request.args:
        return _let_in(request.args["device"])
    if sessions.find_signed_in() is not None:
        return redirect(url_for("admin.start"), code=303)
    return _login_page(LoginForm(), 200)


@blueprint.post("/login")
@limiter.limit(SIGN_INS_OF_DEVICE, key_func=known_devices.known_device, exempt_when=known_devices.is_unknown)
@limiter.limit(SIGN_INS_OF_ADDRESS, exempt_when=known_devices.is_known)
@limiter.limit(SIGN_INS_OF_NAME_AT_ADDRESS, key_func=name_at_address, exempt_when=known_devices.is_known)
@limiter.limit(SIGN_INS_OF_NAME, key_func=name_that_is_tried, exempt_when=known_devices.is_known)
def sign_in() -> ResponseReturnValue:
    """Begin a session, a new one whatever came before.

    Failures are limited, as web/auth/rate_limits.py says; those on a device that is known count for that device alone.
    While a limit holds, the right password is refused as well (429): it would tell who guesses that it is right. The
    limit passes by itself, and tries while it holds do not prolong it.
    """
    accept_form(LoginForm.FIELDS)
    form = LoginForm()
    if not form.is_valid():
        return _login_page(form, 422)
    username, password = str(form.username.data), str(form.password.data)
    # No write lock for as long as the hash takes.
    with reading():
        administrator = administrators.sign_in(username, password)
        if administrator is None:
            keep_count()
            _log_refusal(username)
            form.password.errors = (gettext("The name or the password is wrong."),)
            return _login_page(form, 422)
        administrators.note_sign_in(administrator, password, utc_now())
    sessions.begin(administrator)
    log.info("signed in", administrator=administrator.username, address=request.remote_addr)
    response = redirect(url_for("admin.start"), code=303)
    known_devices.remember(response, administrator.username, administrator.epoch)
    return response


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session, copies of its cookie included; the administrator's other ones go on."""
    accept_form(())
    sessions.end()
    log.info("signed out", administrator=g.actor, address=request.remote_addr)
    flash(gettext("You have signed out."), "success")
    return _lead_to_login(forget=True)


@blueprint.post("/logout-everywhere")
def logout_everywhere() -> ResponseReturnValue:
    """End every session of the administrator."""
    accept_form(())
    sessions.end_everywhere()
    log.info("signed out everywhere", administrator=g.actor, address=request.remote_addr)
    flash(gettext("You have signed out on all devices."), "success")
    response = _lead_to_login(forget=True)
    administrator = administrators.find_by_name(g.actor)
    if administrator is not None:
        # The device stays known: who does this because somebody guesses must not be kept out by him.
        known_devices.remember(response, administrator.username, administrator.epoch)
    return response


def _lead_to_login(*, forget: bool) -> Response:
    response = redirect(url_for("auth.login"), code=303)
    if forget:
        response.headers.update(FORGET)
    return response


def _let_in(invitation: str) -> ResponseReturnValue:
    response = redirect(url_for("auth.login"), code=303)
    if known_devices.accept_invitation(response, invitation):
        log.info("device admitted", address=request.remote_addr)
        flash(gettext("This device is known now. Sign in."), "success")
    else:
        log_refusal("invitation", "unknown")
        flash(gettext("This address is no longer good. Have a new one made on the server."), "warning")
    return response


def _log_refusal(username: str) -> None:
    """A name that nobody has is a password at times, typed into the wrong field: it is in no log."""
    known = administrators.find_by_name(username)
    log.warning("sign-in refused", administrator=known.username if known else None, address=request.remote_addr)


def _login_page(form: LoginForm, status: int) -> ResponseReturnValue:
    # Nothing that a stranger has sent is repeated.
    form.username.data = None
    with reading():
        nobody = not administrators.has_administrators()
    return render_template("login.html", form=form, nobody_can_sign_in=nobody, is_over=sessions.is_over()), status


def _require_sign_in() -> ResponseReturnValue | None:
    g.actor = ""
    inside = request.path == GUARDED_PATH or request.path.startswith(GUARDED_PATH + "/")
    if not inside or request.endpoint in OPEN_ENDPOINTS:
        return None
    with reading():
        administrator = sessions.find_signed_in()
    if administrator is None:
        if "administrator_id" in session:
            log_refusal("session", "over", administrator_id=session["administrator_id"])
        return _lead_to_login(forget=sessions.note_that_it_is_over())
    sessions.note_use()
    # A plain text: pages of errors show it too, when the database may be away.
    g.actor = administrator.username
    # Ends the read, so that a change that follows begins its own transaction with nothing seen before it.
    if request.method == "POST":
        db.session.rollback()
    return None
