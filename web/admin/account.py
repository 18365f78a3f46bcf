"""One's own account: another password, and where one is signed in."""

import structlog
from flask import flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from domain.accounts import administrators, open_sessions
from domain.accounts.rules import (
    ADVISED_PASSWORD,
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    PasswordFault,
    PasswordRefused,
)
from domain.db import db, reading, utc_now
from domain.orders.queries import MAX_ID
from web.admin.blueprint import blueprint
from web.auth import known_devices, sessions
from web.auth.rate_limits import PASSWORDS_OF_SESSION, keep_count, limiter
from web.middleware.strict_forms import accept_form
from web.typed_form import TypedForm

log = structlog.get_logger(__name__)

LENGTHS = {"shortest": MIN_PASSWORD_LENGTH, "longest": MAX_PASSWORD_LENGTH, "advised": ADVISED_PASSWORD}
FAULTS: dict[PasswordFault, LazyString] = {
    PasswordFault.LENGTH: _("The password must have %(shortest)s to %(longest)s characters.", **LENGTHS),
    PasswordFault.NOT_TEXT: _("The password is not text in UTF-8."),
    PasswordFault.GUESSABLE: _(
        "This password is one of the first that somebody would try: it is common, or made of a name, a date or a row of"
        " keys. Take another one, such as four words that have nothing to do with each other."
    ),
}
NEW = {"autocomplete": "new-password"}


class PasswordForm(TypedForm):
    """The present password, and twice the one that is to replace it."""

    FIELDS = ("present", "new", "again")

    present = PasswordField(
        _("Present password"), validators=[InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new = PasswordField(
        _("New password"),
        description=_("%(shortest)s characters or more, better %(advised)s: a few words, for example.", **LENGTHS),
        validators=[InputRequired()],
        render_kw=NEW,
    )
    again = PasswordField(
        _("New password once more"),
        validators=[InputRequired(), EqualTo("new", _("This is not the same password."))],
        render_kw=NEW,
    )


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """The page."""
    return _page(PasswordForm(), 200)


@blueprint.post("/account")
@limiter.limit(PASSWORDS_OF_SESSION, key_func=sessions.counted_by, exempt_when=sessions.is_nobodys)
def change_password() -> ResponseReturnValue:
    """Replace one's own password: all other sessions end, and this browser has a new one.

    A wrong present password is a failure and limited by session, so that a stolen cookie guesses no better than
    anybody else, and holds up nobody else.
    """
    accept_form(PasswordForm.FIELDS)
    form = PasswordForm()
    if not form.is_valid():
        return _page(form, 422)
    try:
        is_changed = _replace(str(form.present.data), str(form.new.data))
    except PasswordRefused as refused:
        form.new.errors = (FAULTS[refused.fault],)
        return _page(form, 422)
    if not is_changed:
        keep_count()
        log.warning("password not changed", administrator=g.actor, address=request.remote_addr)
        form.present.errors = (gettext("The present password is wrong."),)
        return _page(form, 422)
    return _begin_anew()


@blueprint.post(f"/account/sessions/<int(max={MAX_ID}):row_id>/end")
def end_session(row_id: int) -> ResponseReturnValue:
    """End one of one's own sessions; pressing twice is as good as once."""
    accept_form(())
    if open_sessions.end_one(row_id, session["administrator_id"], utc_now()):
        log.info("session ended", administrator=g.actor, address=request.remote_addr)
        flash(gettext("The session has ended."), "success")
    else:
        flash(gettext("That session was over already."), "info")
    return redirect(url_for("admin.account", _anchor="sessions"), code=303)


def _replace(present: str, new: str) -> bool:
    """Whether ``present`` was right and is replaced. Raises ``PasswordRefused`` for what cannot be a new one."""
    with reading():
        administrator = administrators.sign_in(g.actor, present)
    return administrator is not None and administrators.change_password(administrator, new)


def _begin_anew() -> ResponseReturnValue:
    with reading():
        administrator = administrators.find_by_name(g.actor)
        if administrator is None:  # removed a moment ago
            return redirect(url_for("auth.login"), code=303)
        sessions.begin(administrator)
    log.info("password changed", administrator=g.actor, address=request.remote_addr)
    flash(gettext("The password is changed. Your other sessions have ended."), "success")
    response = redirect(url_for("admin.account"), code=303)
    known_devices.remember(response, administrator.username, administrator.epoch)
    return response


def _page(form: PasswordForm, status: int) -> ResponseReturnValue:
    # The present use was written down a moment ago, beside the transaction that has read whose session this is.
    db.session.rollback()
    with reading():
        rows = open_sessions.list_open(session["administrator_id"], session["epoch"], utc_now())
    this = session["session_id"]
    return render_template("admin/account.html", form=form, sessions=rows, this_session=this), status
