"""`flask orders …`: looking at orders, and retrying what failed."""

from dataclasses import asdict
from typing import Any

import click

from domain import order_lists, standing_still
from domain.db import db, reading, utc_now
from domain.orders import Order, OrderState, Ready, Stage
from domain.retrying import retry_by_hand
from providers.kinds import StageType
from tasks.messages import send_stages
from web.cli.terminal import DatabaseGroup, Refused, print_json, print_table, shown

ORDER_ID = click.IntRange(1, order_lists.LARGEST_ID)
STAGE = click.Choice([stage_type.value for stage_type in StageType], case_sensitive=False)

orders = DatabaseGroup("orders", help="Orders: look at them, retry what failed.")


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
        found = order_lists.list_page(OrderState(state) if state else None, before, limit).orders
        if as_json:
            print_json([_facts_of_order(order) for order in found])
            return
        rows = ((order.id, order.state, order.created_at, order.placed_by, _stages_in_short(order)) for order in found)
        print_table(("ID", "STATE", "CREATED", "PLACED BY", "STAGES"), rows)


def _list_stuck(state: OrderState | None, limit: int, before: int | None, *, as_json: bool) -> None:
    with reading():
        page = standing_still.list_page(utc_now(), limit, before, state)
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
        order = order_lists.find(order_id)
        if order is None:
            raise Refused(f"There is no order {order_id}.")
        facts = _facts_of_order(order)
    if as_json:
        print_json(facts)
        return
    click.echo(f"Order {order_id}: {facts['state']}, placed {shown(facts['created_at'])} by {facts['placed_by']}.")
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
    found = order_lists.find_stage(order_id, stage_type)
    if found is None:
        raise Refused(f"Order {order_id} has no {stage_type}.")
    if not retry_by_hand(found, utc_now()):
        db.session.rollback()
        what = "retry takes what failed, needs attention or makes a pause"
        raise Refused(f"{stage_type} of order {order_id} is {found.state}; {what}.")
    ready = Ready(found.id, stage_type)
    db.session.commit()
    later = "" if send_stages([ready]) else " The broker is away: it starts later."
    click.echo(f"{stage_type} of order {order_id} is queued.{later}")


def _stages_in_short(order: Order) -> str:
    return " ".join(f"{stage.stage_type}:{stage.state}" for stage in order.stages)


def _facts_of_order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "state": order.state,
        "created_at": order.created_at,
        "placed_by": order.placed_by,
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
