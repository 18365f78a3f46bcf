"""Placing an order and looking at it."""

import math

from flask import Response, url_for
from pydantic import BaseModel

from domain.accounts.api_tokens import Scope
from domain.db import db, reading, utc_now
from domain.orders import erasure, queries
from domain.orders.models import Order, Stage, StageState
from domain.orders.placing import KeyUsedForAnother, NewOrder, QuotaUsedUp, StorageFull, place, place_once, ready_stages
from domain.orders.rules import OrderInvalid, read_order
from tasks.messages import send_stages
from web.api.authentication import caller
from web.api.blueprint import blueprint
from web.api.errors import ApiFault, error_answer
from web.api.language import in_callers_language
from web.api.openapi import Operation, described
from web.api.request_body import read_idempotency_key, read_json_object
from web.api.schemas import ErasureAccepted, OrderAccepted, OrderBody, OrderShown, StageError, StageShown
from web.i18n.messages import ORDER_FAULTS, order_fault, reason_advice, reason_words
from web.refusals import log_refusal


@blueprint.post("/orders")
@described(
    Operation(
        scopes=(Scope.ORDERS_WRITE,),
        answer_status=202,
        answer=OrderAccepted,
        answer_words="Accepted: stored, and being made. `Location` is the order's address.",
        body=OrderBody,
        headers={"Idempotency-Key": "Your own name for this request; 1 to 255 printable ASCII characters."},
        refusals=(
            "bad_request",
            "not_json",
            "doubled_name",
            "idempotency_key_unfit",
            "idempotency_key_reused",
            "quota_used_up",
            "too_large",
            "not_sent_as_json",
            "not_an_object",
            "order_erased",
            *ORDER_FAULTS,
        ),
    )
)
def place_order() -> Response:
    """Place an order.

    The same Idempotency-Key with the same body gives the same order for 24 hours, however often it is sent; with
    another body it is refused with 409. So a program that got no answer can simply send its request again. Keys are the
    token's own: what another one has ordered with the same key has nothing to do with it.
    Where the order was erased meanwhile, nothing is made again: the answer is 410.
    """
    key = read_idempotency_key()
    order = _place(read_order(read_json_object(), caller().name, caller().token_id), key)
    with reading():
        url = url_for(".show_order", order_id=order.id)
        accepted = OrderAccepted(id=order.id, state=order.state, url=url)
        ready = ready_stages(order)
    db.session.rollback()
    send_stages(ready)
    response = answer(accepted, 202)
    response.headers["Location"] = url
    return response


@blueprint.get("/orders/<order_id>")
@described(
    Operation(
        scopes=(Scope.ORDERS_READ,),
        answer=OrderShown,
        answer_words="The order as it stands.",
        refusals=("order_not_found", "order_erased"),
    )
)
def show_order(order_id: str) -> Response:
    """Look at an order.

    Ask every few seconds while its state is running; done and failed are final unless a person retries.
    """
    with in_callers_language():
        order = find_order(order_id)
        stages = {stage.stage_type: _shown(stage) for stage in order.stages}
        return answer(OrderShown(id=order.id, state=order.state, created_at=order.created_at, stages=stages))


@blueprint.delete("/orders/<order_id>")
@described(
    Operation(
        scopes=(Scope.ORDERS_WRITE,),
        answer_status=202,
        answer=ErasureAccepted,
        answer_words="Accepted: from now on the order answers 410. Its files are removed within a minute or so.",
        refusals=("order_not_found",),
    )
)
def erase_order(order_id: str) -> Response:
    """Erase an order.

    Its words, texts and files are deleted, for good. What runs for it is cancelled: what a provider has begun may be
    charged all the same, and is not stored. States, times, models and costs stay. Sent again, the answer is the same.
    """
    found = _reached(order_id)
    order = erasure.request(found.id, caller().name, utc_now())
    if order is None or order.erase_requested_at is None:
        raise ApiFault("order_not_found")
    return answer(ErasureAccepted(id=order.id, erased_at=order.erase_requested_at), 202)


@blueprint.errorhandler(OrderInvalid)
def answer_invalid_order(invalid: OrderInvalid) -> Response:
    """The first fault of an order that cannot be placed."""
    field, code, facts = invalid.faults[0]
    with in_callers_language():
        return error_answer(422, code, order_fault(code, facts), field)


def find_order(order_id: str) -> Order:
    """The order. ``ApiFault`` with 410 for an erased one, and with 404 for anything that is not the id of one."""
    order = _reached(order_id)
    if order.is_erased:
        raise ApiFault("order_erased")
    return order


def _reached(order_id: str) -> Order:
    """The order, erased or not; of somebody else it is 404 as well.

    A token with ``admin:read`` reaches all, in a request that only reads.
    """
    number, by = number_of(order_id), caller()
    order = queries.find(number) if by.reaches_all_orders else queries.find_of_token(number, by.token_id)
    if order is None:
        raise ApiFault("order_not_found")
    return order


def number_of(order_id: str) -> int:
    """The number that an address names; 0, which no order has, for anything else."""
    number = int(order_id) if order_id.isascii() and order_id.isdecimal() and len(order_id) < 20 else 0
    return number if number <= queries.MAX_ID else 0


def answer(body: BaseModel, status: int = 200) -> Response:
    """``body`` as JSON."""
    return Response(body.model_dump_json(), status=status, mimetype="application/json")


def _place(new: NewOrder, key: str | None) -> Order:
    try:
        order = place_once(new, key) if key is not None else place(new)
    except KeyUsedForAnother:
        raise ApiFault("idempotency_key_reused", "Idempotency-Key") from None
    except QuotaUsedUp as used_up:
        log_refusal("order", "quota used up", token=caller().token_name)
        seconds = math.ceil((used_up.ends_at - utc_now()).total_seconds())
        raise ApiFault("quota_used_up", headers={"Retry-After": str(max(seconds, 1))}) from None
    except StorageFull:
        raise ApiFault("storage_full") from None
    if order.is_erased:
        raise ApiFault("order_erased", "Idempotency-Key")
    return order


def _shown(stage: Stage) -> StageShown:
    work = stage.work if stage.state is StageState.DONE else None
    url = url_for(".show_work", order_id=stage.order_id, stage_type=stage.stage_type.value)
    return StageShown(
        state=stage.state,
        provider_kind=stage.provider_kind,
        model=stage.model,
        sample=stage.is_sample,
        text=work.text if work else None,
        work_url=url if work else None,
        error=_error(stage),
        attempts=stage.attempts,
        started_at=stage.started_at,
        finished_at=stage.finished_at,
        usage=stage.usage,
        provider_request_id=stage.provider_request_id,
    )


def _error(stage: Stage) -> StageError | None:
    if stage.reason is None or stage.state is StageState.DONE:
        return None
    words = str(reason_words(stage.reason))
    return StageError(code=stage.reason, message=f"{words[:1].upper()}{words[1:]}. {reason_advice(stage.reason)}")
