"""A line on which every request takes its time, as with a phone on a train."""

import pytest
from playwright.sync_api import Locator, Page

#: Milliseconds that pass before an answer begins to come: a poor line, and one that is hardly any.
LATENCIES = (400, pytest.param(1500, marks=pytest.mark.thorough))


def make_slow(page: Page, latency: int) -> None:
    """Let every answer to the tab come ``latency`` milliseconds later; nought makes the line quick again."""
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1},
    )


def click_thrice(button: Locator) -> None:
    """What an impatient hand does, without a look at what came of it."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    for _ in range(3):
        button.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
