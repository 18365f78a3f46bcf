"""A plugin of pytest that leaves the quick tests: those without a process, a browser and PostgreSQL."""

import pytest

SLOW_FIXTURES = {"postgres", "own_postgres", "s3"}
SLOW_MARKS = ("processes", "browser", "live", "thorough")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is quick."""
    slow = [item for item in items if _is_slow(item)]
    items[:] = [item for item in items if item not in slow]
    config.hook.pytest_deselected(items=slow)


def _is_slow(item: pytest.Item) -> bool:
    return (
        any(item.get_closest_marker(name) for name in SLOW_MARKS)
        or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or "postgresql" in item.nodeid
    )
