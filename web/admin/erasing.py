"""Erasing an order: a page that says what is lost and what stays, and the button on it."""

from flask import abort, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from domain.db import utc_now
from domain.orders import erasure, queries
from domain.orders.stages import ACTIVE_STATES
from web.admin.asked_orders import read_asked
from web.admin.blueprint import blueprint
from web.admin.order_actions import ORDER
from web.middleware.strict_forms import accept_form


@blueprint.get(f"{ORDER}/erase")
def confirm_erasure(order_id: int) -> ResponseReturnValue:
    """What erasing the order means, and the button; of one that is erased already, its page."""
    found = queries.find(order_id) or abort(404)
    if found.is_erased:
        return _back(order_id)
    runs = any(stage.state in ACTIVE_STATES for stage in found.stages)
    return render_template("admin/erase_order.html", order=found, runs=runs, asked=read_asked())


@blueprint.post(f"{ORDER}/erase")
def erase_order(order_id: int) -> ResponseReturnValue:
    """Erase the order; pressing twice erases it once."""
    accept_form(())
    if erasure.request(order_id, g.actor, utc_now()) is None:
        abort(404)
    flash(_("Order No. %(id)s was erased.", id=order_id), "success")
    return _back(order_id)


def _back(order_id: int) -> ResponseReturnValue:
    return redirect(url_for("admin.order", order_id=order_id, **read_asked().address_of_page), code=303)
