"""The form of a new order: what it would wait for, and placing it."""

from http import HTTPStatus

from flask import abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from domain.orders import queries, works
from domain.orders.models import Order
from domain.orders.placing import NewOrder, OrderedBefore, StorageFull, place, place_form, ready_stages
from domain.orders.rules import OrderInvalid, read_order
from domain.provider_configs import overview
from tasks.messages import send_stages
from web.admin.blueprint import blueprint
from web.admin.forms import OrderForm
from web.form_keys import FORM_KEY
from web.middleware.strict_forms import accept_form


@blueprint.get("/orders/new")
def new_order() -> str:
    """The form of an order: empty, or with the words and works of that order whose id is ``like``."""
    like = request.args.get("like", type=int)
    if like is None:
        return _order_page(OrderForm())
    order = queries.find(like) or abort(404)
    if order.is_erased:
        abort(410)
    words = {name: getattr(order, name) for name in OrderForm.FIELDS}
    form = OrderForm(data={**words, "stages": [stage.stage_type.value for stage in order.stages]})
    return _order_page(form, is_filled=True)


@blueprint.post("/orders/new")
def place_order() -> ResponseReturnValue:
    """Place the order, or show what is wrong with it.

    A form that is sent twice as it is places one order. Where another form has ordered the very same, as one does that
    was gone back to, the answer is the form again, with the question whether it is meant.
    """
    accept_form((*OrderForm.FIELDS, *OrderForm.HIDDEN), OrderForm.REPEATED)
    form = OrderForm()
    values = {name: request.form.get(name) for name in OrderForm.FIELDS}
    try:
        order, is_new = _place(read_order({**values, "stages": request.form.getlist("stages")}, g.actor))
    except OrderInvalid as invalid:
        form.show_faults(invalid.faults)
        return _order_page(form), 422
    except OrderedBefore as before:
        return _order_page(form, is_filled=True, twin=before.order)
    except StorageFull:
        # What was typed stays in the form.
        flash(
            _("The order has not been placed: there is no room on the disk. Make room, then press the button."),
            "danger",
        )
        return _order_page(form, is_filled=True), HTTPStatus.INSUFFICIENT_STORAGE
    if not is_new:
        flash(_("This order was placed once, although it was sent more than once."), "info")
    # Without a broker the order is accepted all the same: the sweep starts it later.
    send_stages(ready_stages(order))
    return redirect(url_for("admin.order", order_id=order.id), code=303)


def _place(new: NewOrder) -> tuple[Order, bool]:
    """The order, and whether it was placed just now. Robots, and pages of an older release, send no key."""
    form_key = request.form.get(FORM_KEY, "")
    if not form_key:
        return place(new), True
    return place_form(new, form_key, again=request.form.get("again") == "1")


def _order_page(form: OrderForm, *, is_filled: bool = False, twin: Order | None = None) -> str:
    """The form, and of each work what an order placed now would wait for; from what is stored, no provider is asked.

    What is filled in is not replaced by what the browser remembers. ``twin`` is the order of the very same words and
    works that has been placed already.
    """
    return render_template(
        "admin/new_order.html",
        form=form,
        is_filled=is_filled,
        twin=twin,
        sections=overview.overview(),
        has_room=works.has_room(),
    )
