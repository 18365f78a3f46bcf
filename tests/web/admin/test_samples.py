"""What the built-in provider makes can be told from a work that a customer may get, on every page and by the API."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.accounts.api_tokens import create_api_token
from domain.orders.models import StageState
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page
from tests.web.admin.stored import KEY
from tests.web.conftest import json_of

POEM, VOICE = StageType.POEM, StageType.VOICE


def badges(page: Page, inside: str) -> int:
    """How many badges of samples the element with that id holds."""
    return len(page.all("span", class_="badge sample", inside=inside))


@pytest.mark.parametrize("path", ["/admin", "/admin/providers", "/admin/orders/new"])
def test_a_section_that_makes_samples_carries_a_badge(app: Flask, admin: FlaskClient, path: str) -> None:
    assert badges(Page(admin.get(path)), "main") == 0
    with app.app_context():
        builders.working_section(POEM)
        builders.save_section(VOICE, ProviderKind.SPEECHKIT, api_key=KEY)

    page = Page(admin.get(path))

    assert [each.text for each in page.all("span", class_="badge sample", inside="main")] == ["образцы"]


def test_a_work_that_is_a_sample_carries_a_badge_for_good(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section(POEM)
        order_id = builders.place_order(frozenset({POEM, VOICE})).id
        builders.run(order_id)
        builders.save_section(POEM, ProviderKind.OPENAI, api_key=KEY)
        signed = {"Authorization": f"Bearer {create_api_token('shop', builders.ALL_RIGHTS)}"}

    page = Page(admin.get(f"/admin/orders/{order_id}"))
    stages = json_of(admin.get(f"/api/v1/orders/{order_id}", headers=signed))["stages"]

    assert (badges(page, "poem"), badges(page, "voice")) == (1, 0)
    assert badges(Page(admin.get("/admin/orders")), f"order-{order_id}") == 1
    assert (stages["POEM"]["sample"], stages["VOICE"]["sample"]) == (True, False)


def test_the_work_of_a_provider_carries_none(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.set_state(order_id, POEM, StageState.DONE, provider_kind=ProviderKind.OPENAI)

    assert badges(Page(admin.get(f"/admin/orders/{order_id}")), "main") == 0
    assert badges(Page(admin.get("/admin/orders")), "main") == 0
