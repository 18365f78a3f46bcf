"""The lists of what is installed: every file of every release by its hash, and from no place but the package index."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = sorted(ROOT.glob("requirements*.txt"))
PIN = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z0-9,-]+\])?==(?P<version>[\w.]+)( ; [\w\s.*'<>=()!]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def lines_of(path: Path) -> list[str]:
    """The lines that pip obeys."""
    return [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_a_list_holds_pins_with_hashes_and_nothing_else(path: Path) -> None:
    lines = lines_of(path)
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    # A pin without a hash would make pip refuse the whole list.
    assert not any(PIN.fullmatch(line) and PIN.fullmatch(after) for line, after in pairwise(lines))
    assert HASH.fullmatch(lines[-1])


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_direct_dependency_is_in_its_list(path: Path) -> None:
    pinned = {match["name"] for match in map(PIN.fullmatch, lines_of(path)) if match}
    asked_for = map(re.compile(r"[a-z0-9][a-z0-9-]*").match, lines_of(path.with_suffix(".in")))
    assert {match[0] for match in asked_for if match} <= pinned
