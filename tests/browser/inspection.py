"""What is to be said of a page as a browser shows it: barriers, complaints, weight, width."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, ViewportSize

DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=780)
AXE = Axe()
#: All of axe's rules, also the ones of WCAG 2.2 that it leaves out unless it is asked.
EVERY_RULE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
#: What else a change of colours can do.
RULES_OF_COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
WIDTH = "document.documentElement.scrollWidth"


@dataclass(frozen=True)
class State:
    """A page to look at. ``do`` is what somebody does there first; ``signed_in`` is whether somebody is.

    ``headers`` go with each request, as from a proxy in front of us.
    """

    name: str
    path: str
    do: Callable[[Page], None] | None = None
    signed_in: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """How a page is looked at: in a language, on a screen."""

    language: Literal["ru", "en"]
    device: Literal["desktop", "phone"]

    @property
    def screen(self) -> ViewportSize:
        """Width and height in CSS pixels."""
        return DESKTOP if self.device == "desktop" else PHONE


@dataclass
class Findings:
    """What one look has found. ``weight`` is in bytes as they came over the wire, without media and from no cache."""

    barriers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    weight: int = 0
    is_too_wide: bool = False


def look_at(
    state: State,
    look: Look,
    chromium: Browser,
    url: str,
    signed_in: StorageState,
    show: Callable[[Page, str], None] = lambda *_: None,
) -> Findings:
    """Open the page in a browser that has never been there, in light and then in dark; ``show`` is called in both."""
    found = Findings()
    context = chromium.new_context(
        base_url=url,
        viewport=look.screen,
        storage_state=signed_in if state.signed_in else None,
        extra_http_headers=dict(state.headers),
        # Colours that are on their way from light to dark are neither.
        reduced_motion="reduce",
    )
    page, requests = context.new_page(), list[Request]()
    page.on("console", lambda message: _is_complaint(message) and found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(url) or found.elsewhere.append(request.url))
    page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108  # no built-in function will do
    page.goto(f"{state.path}{'&' if '?' in state.path else '?'}lang={look.language}")
    found.weight = sum(map(_size, requests))
    if state.do is not None:
        state.do(page)
    for scheme, options in (("light", EVERY_RULE), ("dark", RULES_OF_COLOURS)):
        page.emulate_media(color_scheme=scheme)
        found.barriers += [f"{scheme}: {each}" for each in barriers(page, options)]
        show(page, scheme)
    found.is_too_wide = page.evaluate(WIDTH) > look.screen["width"]
    context.close()
    return found


def barriers(page: Page, options: dict[str, object] = EVERY_RULE) -> list[str]:  # type: ignore[assignment]
    """What axe objects to, each with the element that it means."""
    violations = AXE.run(page, options=options).response["violations"]
    return [f"{each['id']} at {node['target'][0]}" for each in violations for node in each["nodes"]]


def _is_complaint(message: ConsoleMessage) -> bool:
    """The browser tells of each page that is an answer to a mistake; what such a page lacks it tells in other words."""
    is_the_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
    return message.type in ("error", "warning") and not is_the_page


def _size(request: Request) -> int:
    return 0 if request.resource_type == "media" else request.sizes()["responseBodySize"]
