"""What can be done with one stage of an order: try it again, fetch its work."""

from pathlib import PurePath

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from domain.db import db, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.orders import queries
from domain.orders.models import Ready, Stage, StageState
from providers.kinds import StageType
from tasks.messages import send_stages
from web.admin.asked_orders import read_asked
from web.admin.blueprint import blueprint
from web.media_responses import send_media, send_text
from web.middleware.strict_forms import accept_form

ORDER = f"/orders/<int(max={queries.MAX_ID}):order_id>"


@blueprint.post(f"{ORDER}/stages/<stage_type:stage_type>/retry")
def retry(order_id: int, stage_type: StageType) -> ResponseReturnValue:
    """Queue a failed stage again; pressing twice starts it once."""
    accept_form(())
    stage = _find_stage(order_id, stage_type)
    ready = Ready(stage.id, stage.stage_type)
    if retry_by_hand(stage, utc_now()):
        db.session.commit()
        send_stages([ready])
        flash(_("It will be tried again."), "success")
    else:
        db.session.rollback()
        flash(_("There is nothing to try again: the work has moved on."), "warning")
    back = url_for("admin.order", order_id=order_id, **read_asked().address_of_page, _anchor=stage_type.lower())
    return redirect(back, code=303)


@blueprint.get(f"{ORDER}/works/<stage_type:stage_type>")
def work(order_id: int, stage_type: StageType) -> ResponseReturnValue:
    """The work itself, whole or the range that is asked for; ``?download=1`` saves it as a file."""
    stage = _find_stage(order_id, stage_type)
    if stage.order.is_erased:
        abort(410)
    made = stage.work
    if stage.state is not StageState.DONE or made is None:
        abort(404)
    as_file = request.args.get("download") == "1"
    if made.file_name is None:
        return send_text(made.text or "", made.sha256, f"{order_id}-{stage_type.lower()}.txt" if as_file else None)
    try:
        return send_media(
            made.file_name,
            made.content_type,
            size_bytes=made.size_bytes,
            sha256=made.sha256,
            download_name=f"{order_id}-{stage_type.lower()}{PurePath(made.file_name).suffix}",
            as_attachment=as_file,
        )
    except FileNotFoundError:
        abort(404)


def _find_stage(order_id: int, stage_type: StageType) -> Stage:
    return queries.find_stage(order_id, stage_type) or abort(404)
