"""Makes the mutants; mutmut says what a change may be, and where none is made.

Mutmut alone leaves out all decorated functions, here everything that is ``@retry_while_storage_down``, and so only its
first half is used. Changed is what functions do; tables, constants and defaults are data. This runs in ``.venv-tools``:
beside the product, what mutmut brings along would change it (with setproctitle, Celery and gunicorn go by other names).
"""

import json
import os
import random
from dataclasses import asdict, dataclass
from itertools import takewhile, zip_longest
from pathlib import Path

import libcst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines

from tests.mutants.groups import GROUPS, REST, group_of
from tests.mutants.mutant import Mutant

DOMAIN = Path(__file__).parents[2] / "domain"


class Visitor(MutationVisitor):
    """Notes all changes, those of decorated functions too, and where they are."""

    METADATA_DEPENDENCIES = MutationVisitor.METADATA_DEPENDENCIES

    def __init__(self, path: Path, text: str, wrapper: MetadataWrapper) -> None:
        super().__init__(mutation_operators, get_ignored_lines(str(path), text, wrapper))
        self.places: list[CodeRange] = []
        self._statements: list[int] = []

    def on_visit(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.BaseStatement | libcst.SimpleStatementLine):
            self._statements.append(self.get_metadata(PositionProvider, node).start.line)
        before = len(self.mutations)
        goes_on = super().on_visit(node)
        if len(self.mutations) > before:
            end = self.get_metadata(PositionProvider, node).end
            place = CodeRange((self._statements[-1], 0), (end.line, end.column))
            self.places += [place] * (len(self.mutations) - before)
        return goes_on

    def on_leave(self, original_node: libcst.CSTNode) -> None:
        super().on_leave(original_node)
        if isinstance(original_node, libcst.BaseStatement | libcst.SimpleStatementLine):
            self._statements.pop()

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.Parameters):
            return True
        if isinstance(node, libcst.FunctionDef) and node.decorators:
            return super()._skip_node_and_children(node.with_changes(decorators=()))
        return super()._skip_node_and_children(node)


def main() -> None:
    """Write how many there are, then one in a line, in an order in which the groups take turns."""
    asked = os.environ.get("MUTANTS", "").split()
    again = json.loads(os.environ.get("MUTANTS_LEFT_OVER") or "null")
    rng = random.Random(os.environ["MUTANTS_SEED"])
    groups: dict[str, list[Change]] = {group: [] for group in (*GROUPS, REST)}
    for path in sorted(DOMAIN.glob("**/*.py")):
        module = ".".join(path.relative_to(DOMAIN.parent).with_suffix("").parts)
        if not asked or module in asked or group_of(module) in asked:
            found = _changes_of(path, module)
            groups[group_of(module)] += [each for each in found if again is None or each.name in again]
    for each in groups.values():
        rng.shuffle(each)
    print(sum(map(len, groups.values())), flush=True)
    for change in (change for turn in zip_longest(*groups.values()) for change in turn if change):
        print(json.dumps(asdict(change.mutant())), flush=True)


@dataclass(frozen=True)
class Change:
    """A mutant that has not been made yet, as that takes a moment."""

    module: str
    path: Path
    number: int
    place: CodeRange
    change: Mutation
    tree: libcst.Module

    @property
    def name(self) -> str:
        """As that of the mutant."""
        return f"{self.module}:{self.number}"

    def mutant(self) -> Mutant:
        """The mutant, as the part of the text that it replaces."""
        changed = self.tree.deep_replace(self.change.original_node, self.change.mutated_node)
        assert isinstance(changed, libcst.Module)
        before, after = self.tree.code, changed.code
        start = _in_common(before, after)
        same = _in_common(before[start:][::-1], after[start:][::-1])
        end, replacement = len(before) - same, after[start : len(after) - same]
        lines = self.place.start.line, self.place.end.line
        return Mutant(self.module, str(self.path), self.number, *lines, start, end, replacement)


def _in_common(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _changes_of(path: Path, module: str) -> list[Change]:
    text = path.read_text()
    wrapper = MetadataWrapper(libcst.parse_module(text))
    visitor = Visitor(path, text, wrapper)
    tree = wrapper.visit(visitor)
    found = zip(visitor.mutations, visitor.places, strict=True)
    return [
        Change(module, path, number, place, change, tree)
        for number, (change, place) in enumerate(found)
        if isinstance(change.contained_by_top_level_function, libcst.FunctionDef)
    ]


if __name__ == "__main__":
    main()
