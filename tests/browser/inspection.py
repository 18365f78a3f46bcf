"""What is to be said of a page as a browser shows it: barriers, complaints, weight, width."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, ViewportSize

from tests.browser.chromium import open_context

DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=780)
Scheme = Literal["light", "dark"]
#: All of axe's rules, also the ones of WCAG 2.2 that it leaves out unless it is asked.
EVERY_RULE: dict[str, Any] = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
#: What else a change of colours can do.
RULES_OF_COLOURS: dict[str, Any] = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
RUN_AXE = "options => axe.run(document, options).then((found) => found.violations)"
WIDTH = "document.documentElement.scrollWidth"
#: A page with a script for it follows the scheme in its next frame.
HAS_SCHEME = "scheme => (document.documentElement.dataset.bsTheme ?? scheme) === scheme"
HEAVIEST_KILOBYTES = 250


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


#: Each state is looked at in one of them, in light and in dark; ``report`` has all four.
LOOKS = (Look("ru", "phone"), Look("en", "desktop"))


@dataclass
class Findings:
    """What one look has found. ``weight`` is in bytes as they came over the wire, without media and from no cache."""

    barriers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    weight: int = 0
    is_too_wide: bool = False

    @property
    def problems(self) -> list[str]:
        """What no page may have."""
        found = [*self.barriers, *self.complaints, *self.elsewhere]
        if self.weight > HEAVIEST_KILOBYTES * 1000:
            found.append(f"weighs {self.weight} bytes")
        if self.is_too_wide:
            found.append("is wider than the screen")
        return found


@contextmanager
def looked_at(
    state: State,
    look: Look,
    chromium: Browser,
    url: str,
    signed_in: StorageState,
    show: Callable[[Page, Scheme], None] = lambda *_: None,
) -> Iterator[tuple[Page, Findings]]:
    """The page in a browser that has never been there, and what was found in light and in dark; ``show`` sees both."""
    options: dict[str, Any] = {
        "viewport": look.screen,
        "storage_state": signed_in if state.signed_in else None,
        "extra_http_headers": dict(state.headers),
        # Colours that are on their way from light to dark are neither.
        "reduced_motion": "reduce",
    }
    with open_context(chromium, url, **options) as context:
        page = context.new_page()
        found, requests = _listen(page, url)
        page.goto(f"{state.path}{'&' if '?' in state.path else '?'}lang={look.language}")
        found.weight = sum(map(_size, requests))
        if state.do is not None:
            state.do(page)
        _inspect(page, "light", EVERY_RULE, found, show)
        _inspect(page, "dark", RULES_OF_COLOURS, found, show)
        found.is_too_wide = page.evaluate(WIDTH) > look.screen["width"]
        yield page, found


def barriers(page: Page, options: dict[str, Any] = EVERY_RULE) -> list[str]:
    """What axe objects to, each with the element that it means."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(RUN_AXE, options)
    return [f"{each['id']} at {node['target'][0]}" for each in violations for node in each["nodes"]]


def keep_picture(path: Path, page: Page, scheme: Scheme) -> None:
    """For ``show``. Pictures are dear: there is none of the dark colours."""
    if scheme == "light":
        page.screenshot(path=path, full_page=True)


def _listen(page: Page, url: str) -> tuple[Findings, list[Request]]:
    """Where it will be told what the browser complains of, and which requests have ended."""
    found, ended = Findings(), list[Request]()

    def hear(message: ConsoleMessage) -> None:
        if _is_complaint(message):
            found.complaints.append(message.text)

    def note(request: Request) -> None:
        if not request.url.startswith(url):
            found.elsewhere.append(request.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", note)
    page.on("requestfinished", lambda request: ended.append(request))  # noqa: PLW0108  # no built-in function will do
    return found, ended


def _inspect(
    page: Page, scheme: Scheme, rules: dict[str, Any], found: Findings, show: Callable[[Page, Scheme], None]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(HAS_SCHEME, arg=scheme)
    found.barriers += [f"{scheme}: {each}" for each in barriers(page, rules)]
    show(page, scheme)


def _is_complaint(message: ConsoleMessage) -> bool:
    """The browser tells of each page that is an answer to a mistake; what such a page lacks it tells in other words."""
    is_the_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
    return message.type in ("error", "warning") and not is_the_page


def _size(request: Request) -> int:
    return 0 if request.resource_type == "media" else request.sizes()["responseBodySize"]
