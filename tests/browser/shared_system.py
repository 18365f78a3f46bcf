"""What a test does to the one running product first, so that nothing matters that other tests have left in it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine, MetaData, NullPool, create_engine, delete, or_, select

from domain.db import prepare_sqlite
from domain.orders.models import StageState
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.http_session import Browser
from tests.running_system import RunningSystem, wait_until

PATIENCE_SECONDS = 120
#: Who may come in, and what the processes note of themselves. All the rest is what somebody has done here.
KEPT = {"administrators", "api_tokens", "ended_sessions", "open_sessions"}
KEPT |= {"heartbeats", "quotas", "salts", "alembic_version"}
#: A worker has such a stage in its hands, and comes back to it.
IN_HAND = [StageState.RUNNING, StageState.SUBMITTED, StageState.FETCHING, StageState.UNCERTAIN]


def system_env(emulated: Emulator) -> dict[str, str]:
    """What the product must know to find the emulated providers, and to believe who a request says it comes from."""
    base_urls = {f"{kind}_BASE_URL": emulated.base_url(kind) for kind in emulated.rooms}
    # Messages wake the worker at once; what else it looks for, and a second server of pages, would only take time.
    quiet = {"SWEEP_INTERVAL_SECONDS": "2", "REFRESH_INTERVAL_SECONDS": "3600", "WEB_WORKERS": "1"}
    return base_urls | quiet | {"TRUSTED_PROXIES": "1"}


class Sections:
    """The four sections, in the hands of somebody who is signed in: ``admin``."""

    def __init__(self, admin: Browser) -> None:
        self.admin = admin

    def settle(self) -> None:
        """Wait until no check is under way: its end would make a form outdated, and change a page that is looked at."""
        wait_until(
            lambda: "data-live" not in self.admin.get("/admin/providers").text, "all checks are over", PATIENCE_SECONDS
        )

    def save(self, stage_type: StageType, provider_kind: ProviderKind, *, api_key: str = "", model: str = "") -> None:
        """Save a section; fails the test where that is refused."""
        self.settle()
        answer = self.admin.save_section(stage_type, provider_kind, api_key=api_key, model=model)
        assert answer.status_code == 303, answer.text

    def use_samples(self, *stage_types: StageType, model: str = "") -> None:
        """Let the built-in provider serve these sections; they work when this returns."""
        for stage_type in stage_types:
            self.save(stage_type, ProviderKind.DUMMY, model=model)
        self.settle()

    def clear(self, *stage_types: StageType) -> None:
        """Let these sections be as nobody ever set them."""
        for stage_type in stage_types:
            self.settle()
            answer = self.admin.post(f"/admin/providers/{stage_type}/clear", "/admin/providers")
            assert answer.status_code == 303, answer.text


def open_database(system: RunningSystem) -> Engine:
    """The rows, past the product. Whoever begins there is the only one who writes."""
    engine = create_engine(system.database_url, poolclass=NullPool)
    prepare_sqlite(engine)
    return engine


def empty(system: RunningSystem) -> None:
    """Make of the product one in which nobody has ever done anything. What is being made or checked is waited for.

    Its numbers begin again, and a worker that comes back with a work would find the number of another order.
    """
    engine, tables = open_database(system), MetaData()
    tables.reflect(engine)
    wait_until(lambda: _empty_unless_busy(engine, tables), "nothing is being made or checked", PATIENCE_SECONDS)


def _empty_unless_busy(engine: Engine, known: MetaData) -> bool:
    stages, sections = known.tables["stages"], known.tables["provider_configs"]
    in_hand = select(stages.c.id).where(stages.c.state.in_([state.value for state in IN_HAND]))
    in_check = select(sections.c.id).where(sections.c.check_claimed_until.is_not(None))
    with engine.begin() as connection:
        if connection.scalar(select(or_(in_hand.exists(), in_check.exists()))):
            return False
        for table in reversed(known.sorted_tables):
            if table.name not in KEPT:
                connection.execute(delete(table))
    return True


@contextmanager
def frozen_worker(system: RunningSystem) -> Iterator[None]:
    """Whatever is ordered, checked or being made stays as it is meanwhile, however long somebody looks at it."""
    with ExitStack() as stack:
        # Frozen in the middle of a write, it would hold up everybody else.
        with open_database(system).begin():
            stack.enter_context(system.frozen("worker"))
        yield
