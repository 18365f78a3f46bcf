"""Fetching a work, whole or in parts."""

from flask import Response

from domain.accounts.api_tokens import Scope
from domain.db import db
from domain.orders.models import StageState, Work
from web.api.blueprint import blueprint
from web.api.errors import ApiFault
from web.api.openapi import MEDIA, Operation, described
from web.api.orders import find_order
from web.media_responses import send_media, send_text


@blueprint.get("/orders/<order_id>/works/<stage_type>")
@described(
    Operation(
        scopes=(Scope.ORDERS_READ,),
        answer=MEDIA,
        answer_words="The work: a text in UTF-8, or a media file. `ETag` is its SHA-256.",
        headers={"Range": "A part of the work, as in RFC 9110: the answer is 206 then."},
        refusals=("order_not_found", "order_erased", "work_not_found", "range_unfit", "media_away"),
    )
)
def show_work(order_id: str, stage_type: str) -> Response:
    """Fetch a work.

    Answers with 404 until the stage is done.
    """
    work = _find_work(order_id, stage_type)
    text, name = work.text or "", work.file_name
    content_type, sha256, size_bytes = work.content_type, work.sha256, work.size_bytes
    # A download may take minutes; it is not to hold a connection to the database.
    db.session.rollback()
    if name is None:
        return send_text(text, sha256)
    try:
        return send_media(name, content_type, size_bytes=size_bytes, sha256=sha256, download_name=name)
    except FileNotFoundError:
        raise ApiFault("work_not_found") from None


def _find_work(order_id: str, stage_type: str) -> Work:
    for stage in find_order(order_id).stages:
        if stage.stage_type == stage_type and stage.state is StageState.DONE and stage.work is not None:
            return stage.work
    raise ApiFault("work_not_found")
