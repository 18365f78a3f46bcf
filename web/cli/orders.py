"""`flask orders …`: looking at orders, retrying what failed, and erasing them."""

from dataclasses import asdict
from typing import Any

import click

from domain.db import db, reading, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.monitoring import stuck as monitoring_stuck
from domain.orders import erasure, queries
from domain.orders.models import Order, OrderState, Ready, Stage
from providers.kinds import StageType
from tasks.messages import send_stages
from web.cli.output import DatabaseGroup, Refused, echo, print_json, print_table, shown

ORDER_ID = click.IntRange(1, queries.MAX_ID)
STAGE = click.Choice([stage_type.value for stage_type in StageType], case_sensitive=False)

orders = DatabaseGroup("orders", help="Orders: look at them, retry what failed, erase them.")

#: Who erased an order, where a command did.
OPERATOR = "command line"


@orders.command("list")
@click.option("--state", type=click.Choice([state.value for state in OrderState]), help="Only orders in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=25, show_default=True, help="How many.")
@click.option("--before", type=ORDER_ID, help="Only orders with a smaller id: the next page.")
@click.option("--stuck", is_flag=True, help="Only stages that stand longer than they should, and why.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_orders(state: str | None, limit: int, before: int | None, stuck: bool, as_json: bool) -> None:
    """List orders, newest first.

    Example: flask --app wsgi orders list --state attention
    """
    if stuck:
        _list_stuck(OrderState(state) if state else None, limit, before, as_json=as_json)
        return
    with reading():
        found = queries.list_page(OrderState(state) if state else None, before, limit).orders
        if as_json:
            print_json([_facts_of_order(order) for order in found])
            return
        rows = ((order.id, order.state, order.created_at, order.placed_by, _stages_in_short(order)) for order in found)
        print_table(("ID", "STATE", "CREATED", "PLACED BY", "STAGES"), rows)


def _list_stuck(state: OrderState | None, limit: int, before: int | None, *, as_json: bool) -> None:
    with reading():
        page = monitoring_stuck.list_page(utc_now(), limit, before, state)
        standing = [each for order in page.orders for each in page.standing[order.id]]
        if as_json:
            print_json([asdict(each) for each in standing])
            return
    rows = ((each.order_id, each.stage_type, each.state, each.since, each.until or "", each.why) for each in standing)
    print_table(("ID", "STAGE", "STATE", "SINCE", "UNTIL", "WHY"), rows)


@orders.command("show")
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show_order(order_id: int, as_json: bool) -> None:
    """Show one order with its stages; the customer's words stay out of the terminal.

    Example: flask --app wsgi orders show 12
    """
    with reading():
        order = queries.find(order_id)
        if order is None:
            raise Refused(f"There is no order {order_id}.")
        facts = _facts_of_order(order)
    if as_json:
        print_json(facts)
        return
    erased = f" Erased {shown(facts['erased_at'])}." if facts["erased_at"] else ""
    placed = f"placed {shown(facts['created_at'])} by {facts['placed_by']}"
    echo(f"Order {order_id}: {facts['state']}, {placed}.{erased}")
    names = ("state", "reason", "detail", "provider_kind", "model", "attempts", "started_at", "finished_at")
    rows = ((name, *(stage[each] for each in names)) for name, stage in facts["stages"].items())
    print_table(("STAGE", *(name.upper().replace("_", " ") for name in names)), rows)


@orders.command("retry")
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@click.argument("stage", type=STAGE)
def retry_stage(order_id: int, stage: str) -> None:
    """Queue a stage again that failed or needs attention, which may cost again; or end the pause of one that makes one.

    Example: flask --app wsgi orders retry 12 SONG
    """
    stage_type = StageType(stage)
    found = queries.find_stage(order_id, stage_type)
    if found is None:
        raise Refused(f"Order {order_id} has no {stage_type}.")
    if not retry_by_hand(found, utc_now()):
        db.session.rollback()
        if found.order.is_erased:
            raise Refused(f"Order {order_id} is erased: nothing of it is made again.")
        what = "retry takes what failed, needs attention or makes a pause"
        raise Refused(f"{stage_type} of order {order_id} is {found.state}; {what}.")
    ready = Ready(found.id, stage_type)
    db.session.commit()
    later = "" if send_stages([ready]) else " The broker is away: it starts later."
    echo(f"{stage_type} of order {order_id} is queued.{later}")


@orders.command("erase")
@click.argument("order_ids", metavar="ID...", type=ORDER_ID, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_orders(order_ids: tuple[int, ...], yes: bool) -> None:
    """Erase the words, works and files of these orders, for good; states, times, models and costs stay.

    What runs for them is cancelled; what a provider has begun may be charged all the same. All of them must be there,
    or none is erased. One that was erased before is named as such: doing it twice does no harm.

    Example: flask --app wsgi orders erase 12 13
    """
    with reading():
        missing = [str(each) for each in order_ids if queries.find(each) is None]
        db.session.rollback()
    if missing:
        raise Refused(f"There is no order {', '.join(missing)}; nothing was erased.")
    if not yes:
        click.confirm(f"Erase {len(order_ids)} order(s) for good?", abort=True)
    for order_id in order_ids:
        erasure.request(order_id, OPERATOR, utc_now())
    erasure.go_on(utc_now(), order_ids)
    with reading():
        unfinished = [each for each in order_ids if not _is_gone(each)]
    for order_id in order_ids:
        later = " Its files could not be removed yet: the sweep tries again." if order_id in unfinished else ""
        echo(f"Order {order_id} is erased.{later}")


def _is_gone(order_id: int) -> bool:
    order = queries.find(order_id)
    return order is not None and order.erased_at is not None


def _stages_in_short(order: Order) -> str:
    return " ".join(f"{stage.stage_type}:{stage.state}" for stage in order.stages)


def _facts_of_order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "state": order.state,
        "created_at": order.created_at,
        "placed_by": order.placed_by,
        "erased_at": order.erase_requested_at,
        "stages": {stage.stage_type: _facts_of_stage(stage) for stage in order.stages},
    }


def _facts_of_stage(stage: Stage) -> dict[str, Any]:
    return {
        "state": stage.state,
        "reason": stage.reason,
        "detail": stage.detail,
        "provider_kind": stage.provider_kind,
        "model": stage.model,
        "attempts": stage.attempts,
        "started_at": stage.started_at,
        "finished_at": stage.finished_at,
        "provider_request_id": stage.provider_request_id,
        "usage": stage.usage,
    }
