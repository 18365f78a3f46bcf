"""Alerts on the command line: one test alert to every target, and a release that stops at an address of no use."""

import json
import socket
from collections.abc import Callable

import pytest
from click.testing import Result
from pydantic import SecretStr

from domain.monitoring import alert_delivery
from domain.monitoring.alert_targets import service_name
from tests.emulator.listener import Listener

Run = Callable[..., Result]
MARK = "Canary4d81b6e0"


def json_address(url: str) -> SecretStr:
    return SecretStr(url.replace("http://", "json://") + f"/{MARK}")


def test_each_target_gets_one_test_alert_and_is_told_of_by_its_number_and_service(
    run: Run, change_settings: Callable[..., None]
) -> None:
    with Listener() as webhook, Listener() as chat:
        change_settings(alert_webhook_url=SecretStr(f"{webhook.url}/{MARK}"), alert_urls=(json_address(chat.url),))
        done = run("alerts", "test")

        assert done.exit_code == 0
        assert done.output == "ALERT_WEBHOOK_URL: delivered.\n1. JSON: delivered.\n"
        posted, sent = json.loads(webhook.next().body), json.loads(chat.next().body)
        assert (posted["event"], posted["text"]) == ("test", "this is a test: alerts arrive here")
        assert sent["message"] == posted["text"]


def test_one_that_is_not_reached_is_named_without_its_address_and_the_others_are_reached(
    run: Run, change_settings: Callable[..., None]
) -> None:
    with Listener() as well, Listener(500, 500) as ill:
        change_settings(
            alert_webhook_url=SecretStr(f"http://127.0.0.1:9/{MARK}"),
            alert_urls=(json_address(well.url), json_address(ill.url), SecretStr(f"nosuch://{MARK}")),
        )
        done, as_json = run("alerts", "test"), run("alerts", "test", "--json")

    assert done.exit_code == as_json.exit_code == 1
    assert done.stdout.splitlines() == [
        "ALERT_WEBHOOK_URL: not delivered (ConnectionError).",
        "1. JSON: delivered.",
        "2. JSON: not delivered (the service did not take it).",
        "3. unknown service: not delivered (Apprise does not understand the address).",
    ]
    assert [each["delivered"] for each in json.loads(as_json.stdout)] == [False, True, False, False]
    assert MARK not in done.output + as_json.output


def test_one_that_never_answers_is_waited_for_no_longer_than_the_others_may_take(
    run: Run, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener() as well, socket.create_server(("127.0.0.1", 0)) as silent:
        slow = SecretStr(f"json://127.0.0.1:{silent.getsockname()[1]}/{MARK}?rto=600")
        change_settings(alert_urls=(slow, json_address(well.url)))
        assert service_name(slow) == "JSON"
        monkeypatch.setattr(alert_delivery, "MAX_SECONDS", 3)
        done = run("alerts", "test")

    assert done.stdout == "1. JSON: not delivered (no answer within 3 s).\n2. JSON: delivered.\n"
    assert done.exit_code == 1


def test_without_a_target_it_says_that_alerts_are_only_in_the_log(run: Run) -> None:
    done = run("alerts", "test")

    assert done.exit_code == 1
    assert done.stderr == "Alerts are only in the log: neither ALERT_URLS nor ALERT_WEBHOOK_URL is set.\n"
    assert json.loads(run("alerts", "test", "--json").stdout) == []


def test_a_release_stops_at_an_address_that_nothing_could_be_sent_to(
    run: Run, change_settings: Callable[..., None]
) -> None:
    change_settings(alert_urls=(SecretStr("json://localhost/"), SecretStr(f"nosuch://{MARK}")))

    done = run("prepare")

    assert done.exit_code == 1
    assert done.stderr.startswith("Apprise does not understand these addresses of ALERT_URLS, counted from 1: 2. ")
    assert MARK not in done.output
