"""``python -m tests.browser.report``: barriers, complaints and weight of every page in every state, as a table.

Both languages, desktop and phone, light and dark. Writes ``docs/pages.md`` and the pictures of the README. Takes some
minutes; needs Chromium.
"""

import tempfile
from functools import partial
from itertools import chain
from pathlib import Path

from playwright.sync_api import Browser, Page, StorageState

import tests.machine_environment  # noqa: F401  # clears the environment before the rest of ours is imported
from tests.browser.chromium import open_chromium, sign_in
from tests.browser.inspection import Findings, Look, Scheme, State, looked_at
from tests.browser.shared_system import Sections, system_env
from tests.browser.states import API_DOCS, error_pages, states_of
from tests.emulator.server import Emulator
from tests.running_system import ROOT, RunningSystem

LOOKS = (Look("ru", "desktop"), Look("ru", "phone"), Look("en", "desktop"), Look("en", "phone"))
DOCS = ROOT / "docs"
#: Which looks the README shows.
PICTURES = {
    ("sections", "en", "desktop"): "sections.png",
    ("sections", "ru", "phone"): "sections-phone.png",
    ("order-done", "en", "desktop"): "order.png",
}
HEAD = """# The pages, as a browser meets them

What `python -m tests.browser.report` has found: each page in Russian and English, on a desktop (1280 x 900) and a phone
(360 x 780), in light and in dark, each time in a browser that has never been there. Barriers are what axe-core objects
to with all of its rules, those of WCAG 2.2 among them. Complaints are errors and warnings of the browser, those of the
Content-Security-Policy among them. Kilobytes are what came over the wire, without media.

| page and state | barriers | complaints | requests to other hosts | kB, heaviest |
|---|---|---|---|---|
"""
IS_LOADED = "() => [...document.querySelectorAll('audio, video')].every((each) => each.readyState >= 2)"


def main() -> None:
    """Write the table, a row for each state, as Markdown; prints each row when it is known."""
    rows = []
    with tempfile.TemporaryDirectory() as name, Emulator() as emulated, open_chromium() as chromium:
        folder = Path(name)
        database = f"sqlite:///{folder / 'quatrain.db'}"
        with RunningSystem(folder, database, system_env(emulated)) as system:
            signed_in, sections = sign_in(chromium, system), Sections(system.browser())
            for state in chain(states_of(system, emulated, sections), [API_DOCS], error_pages(system, sections)):
                rows.append(_row(state, chromium, system.url, signed_in))
                print(rows[-1], flush=True)
    (DOCS / "pages.md").write_text(HEAD + "\n".join(rows) + "\n")


def _row(state: State, chromium: Browser, url: str, signed_in: StorageState) -> str:
    found = [_look(state, look, chromium, url, signed_in) for look in LOOKS]
    barriers = sum(len(each.barriers) for each in found)
    complaints = sum(len(each.complaints) for each in found)
    elsewhere = sum(len(each.elsewhere) for each in found)
    weight = max(each.weight for each in found) / 1000
    return f"| {state.name} | {barriers} | {complaints} | {elsewhere} | {weight:.0f} |"


def _look(state: State, look: Look, chromium: Browser, url: str, signed_in: StorageState) -> Findings:
    with looked_at(state, look, chromium, url, signed_in, partial(_keep, state, look)) as (_, found):
        return found


def _keep(state: State, look: Look, page: Page, scheme: Scheme) -> None:
    picture = PICTURES.get((state.name, look.language, look.device))
    if picture is None or scheme != "light":
        return
    page.wait_for_function(IS_LOADED)
    page.screenshot(path=DOCS / "images" / picture)


if __name__ == "__main__":
    main()
