"""`flask alerts …`: whether alerts reach those who want them."""

import sys

import click
from flask.cli import AppGroup

from domain.db import utc_now
from domain.monitoring import alert_delivery
from web.cli.output import Refused, echo, print_json

NOT_DELIVERED = 1

alerts = AppGroup("alerts", help="Alerts: whether they reach ALERT_WEBHOOK_URL and each address of ALERT_URLS.")


@alerts.command("test")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def send_test(as_json: bool) -> None:
    """Send one test alert to every target, and say which of them it has reached; addresses are not shown.

    Exits with 1 where one was not reached, or where there is none. A service that takes a message may still show it to
    nobody: look there as well.

    Example: flask --app wsgi alerts test
    """
    arrivals = alert_delivery.try_out(utc_now())
    if as_json:
        print_json(
            [{"target": each.target, "delivered": not each.why_not, "why_not": each.why_not} for each in arrivals]
        )
    elif not arrivals:
        raise Refused("Alerts are only in the log: neither ALERT_URLS nor ALERT_WEBHOOK_URL is set.")
    else:
        for each in arrivals:
            echo(f"{each.target}: {f'not delivered ({each.why_not})' if each.why_not else 'delivered'}.")
    if not arrivals or any(each.why_not for each in arrivals):
        sys.exit(NOT_DELIVERED)
