"""A running system that is full of marked secrets."""

import json
import shlex

import requests
from sqlalchemy import create_engine, text

from providers.kinds import ProviderKind, StageType
from tests.canary.plants import Plants
from tests.canary.search import Search
from tests.emulator.server import Emulator
from tests.http_session import Browser
from tests.running_system import RunningSystem, wait_until

POEM, VOICE, SONG, CLIP = StageType
SERVES = {POEM: ProviderKind.OPENAI, VOICE: ProviderKind.SPEECHKIT, SONG: ProviderKind.SUNO, CLIP: ProviderKind.PIKA}
PAGES = ("", "/providers", "/orders", "/orders/new", "/orders?state=failed", "/orders?stuck=1", "/no-such-page")


class House:
    """A running system with marked secrets, somebody at its pages, a program, and the search for the mark."""

    def __init__(self, system: RunningSystem, emulator: Emulator, plants: Plants, search: Search) -> None:
        self.system, self.emulator, self.plants, self.search = system, emulator, plants, search
        self.admin = Browser(system.url, on_answer=search.look_at_answer)
        self.admin.sign_in("admin", plants.password)
        self.shop = system.api(on_answer=search.look_at_answer)

    def save(self, stage_type: StageType, key: str, model: str = "") -> None:
        """Save a section with ``key``, and wait until its check has ended, whichever way."""
        assert self.admin.save_section(stage_type, SERVES[stage_type], api_key=key, model=model).status_code == 303
        self.wait_for_check(stage_type)

    def check(self, *stage_types: StageType) -> None:
        """Have the sections checked, side by side."""
        for stage_type in stage_types:
            self.admin.post(f"/admin/providers/{stage_type}/check", "/admin/providers")
        for stage_type in stage_types:
            self.wait_for_check(stage_type)

    def wait_for_check(self, stage_type: StageType) -> None:
        wait_until(
            lambda: "data-live" not in self.admin.get(f"/admin/providers/{stage_type}").text,
            f"the check of {stage_type} has ended",
            120,
        )

    def do(self, statement: str) -> None:
        """Change rows behind the product's back."""
        engine = create_engine(self.system.database_url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def run(self, *lines: str, typed: str = "") -> dict[str, str]:
        """What each of these commands prints, whether it fails or not; in one process, as a start takes seconds."""
        program = f"""
import json, sys
from wsgi import app
run = app.test_cli_runner().invoke
typed = sys.stdin.read()
said = {{line: run(args=line.split(), input=typed) for line in {lines!r}}}
print(json.dumps({{line: each.output + repr(each.exception) for line, each in said.items()}}))
"""
        said = self.system.command(f"python -c {shlex.quote(program)}", stdin=typed)
        return dict(json.loads(said.splitlines()[-1]))

    def visit_everything(self) -> None:
        """Open every page, every answer of the API, and run the commands that only look."""
        for page in PAGES:
            self.admin.get(f"/admin{page}")
        for stage_type in StageType:
            self.admin.get(f"/admin/providers/{stage_type}")
            self.admin.get(f"/admin/providers/{stage_type}/history")
        orders = self.shop.get("/api/v1/stages"), self.admin.get("/api/docs"), self.shop.get("/api/v1/openapi.json")
        assert all(answer.status_code < 500 for answer in orders)
        for order_id in range(1, 9):
            self.admin.get(f"/admin/orders/{order_id}")
            self.shop.get(f"/api/v1/orders/{order_id}")
        metrics = requests.get(
            f"{self.system.url}/metrics", headers={"Authorization": f"Bearer {self.plants.metrics_token}"}, timeout=30
        )
        assert metrics.status_code == 200
        self.search.look_at_answer(metrics)
