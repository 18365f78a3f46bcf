"""A mutant: the text of a module, changed in one place."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from pathlib import Path
from types import CodeType


@dataclass(frozen=True, eq=False)
class Mutant:
    """In ``file``, what stands from ``start`` to ``end`` is replaced; tests that reach one of the lines may notice."""

    module: str
    file: str
    number: int
    first_line: int
    last_line: int
    start: int
    end: int
    replacement: str

    @property
    def name(self) -> str:
        """What it is called as long as its module stays the same."""
        return f"{self.module}:{self.number}"

    @property
    def lines(self) -> range:
        """Where the statement stands that is changed, down to the change."""
        return range(self.first_line, self.last_line + 1)

    @cached_property
    def texts(self) -> tuple[str, str]:
        """The module before and after."""
        text = Path(self.file).read_text()
        return text, text[: self.start] + self.replacement + text[self.end :]

    @property
    def diff(self) -> str:
        """The change as a person reads it."""
        before, after = self.texts
        lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))

    def codes(self) -> Iterator[tuple[CodeType, CodeType]]:
        """What the functions of the module are made of, before and after, as far as the two differ."""
        yield from _differences(*(compile(text, self.file, "exec") for text in self.texts))


def _differences(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    if before == after:
        return
    if before.co_name != "<module>":
        yield before, after
    inner = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (before, after)]
    if len(inner[0]) == len(inner[1]):
        for pair in zip(*inner, strict=True):
            yield from _differences(*pair)
