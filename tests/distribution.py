"""How a run is spread over its processes, and what it says of what it has left out. A plugin of pytest's."""

import importlib
from collections import Counter
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

ROOT = Path(__file__).parent.parent
#: Folders whose modules share what is dear to start: one process runs such a folder from beginning to end.
SHARED_FOLDERS = ("tests/browser",)
#: See ``pytest_collection_modifyitems``.
PART_WITH_SLOW_UNITS = 0.7
#: What a test is marked with because of what it asks for.
MARKED_BY_FIXTURE = {
    "postgres": "postgresql",
    "own_postgres": "postgresql",
    "s3": "processes",
    "redis_server": "processes",
    "chromium": "browser",
}
#: What a run may leave out, and the command that runs it.
LEFT_OUT = {"thorough": "make test ARGS='-m thorough'", "live": "make live"}

_left_out: Counter[str] = Counter()


def unit_of(node_id: str) -> str:
    """What is never divided between processes: the test's module, or one of ``SHARED_FOLDERS``."""
    module = node_id.partition("::")[0]
    return next((folder for folder in SHARED_FOLDERS if module.startswith(f"{folder}/")), module)


class UnitScheduling(LoadScopeScheduling):
    """xdist's own scheduling by scopes, with our units as the scopes."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    """Let xdist spread our units."""
    return UnitScheduling(config, log)


def pytest_sessionstart(session: pytest.Session) -> None:
    """In one of several processes: import the modules of the whole suite, beginning elsewhere than the others.

    pytest rewrites the asserts of each module and keeps the result for all; side by side all would do the same work.
    """
    workerinput = getattr(session.config, "workerinput", None)
    if workerinput is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    modules = sorted((ROOT / "tests").rglob("test_*.py"))
    own_start = len(modules) * int(workerinput["workerid"].removeprefix("gw")) // workerinput["workercount"]
    for path in modules[own_start:] + modules[:own_start]:
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)  # before any test is chosen by its markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the units that start processes over the first part of the run.

    Side by side they would take the processors from each other, and at the end everybody would wait for the last one.
    """
    for item in items:
        for name in set(MARKED_BY_FIXTURE).intersection(getattr(item, "fixturenames", ())):
            item.add_marker(MARKED_BY_FIXTURE[name])
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit_of(item.nodeid), []).append(item)
    slow = [unit for unit, tests in units.items() if any(map(_starts_processes, tests))]
    quick = [unit for unit in units if unit not in slow]
    between = int(len(quick) * PART_WITH_SLOW_UNITS / len(slow)) if slow else 0
    order = [unit for number, each in enumerate(slow) for unit in (each, *quick[number * between :][:between])]
    order += quick[len(slow) * between :]
    items[:] = [item for unit in order for item in units[unit]]


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what is left out by its marker."""
    _left_out.update(name for item in items for name in LEFT_OUT if item.get_closest_marker(name))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints, which collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Hear it: each process has left out the same."""
    _left_out.update(getattr(node, "workeroutput", {}).get("left_out", {}) if not _left_out else {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was not run, and how to run it."""
    told = [f"{_left_out[name]} {name} ({command})" for name, command in LEFT_OUT.items() if _left_out[name]]
    if told:
        terminalreporter.write_line(f"Not run: {', '.join(told)}.")


def _starts_processes(test: pytest.Item) -> bool:
    return any(test.get_closest_marker(name) for name in ("processes", "browser"))
