"""A figure: a ratio or a share that is measured several times in one run, and the aim that it is held against."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """``aim`` is the least that is good enough, or the most where ``less_is_better``."""

    name: str
    aim: float
    less_is_better: bool
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the aim."""
        return self.median <= self.aim if self.less_is_better else self.median >= self.aim

    def line(self) -> str:
        """A row of the table in RESULTS.md."""
        aim = f"{'at most' if self.less_is_better else 'at least'} {self.aim:g}"
        met = "yes" if self.is_met else "**no**"
        return f"| {self.name} | {aim} | {self.median:.3g} | {min(self.values):.3g} to {max(self.values):.3g} | {met} |"


def repeated(measure: Callable[[], float], times: int = REPETITIONS) -> tuple[float, ...]:
    """The values of so many measurements, one after the other."""
    return tuple(measure() for _ in range(times))
