"""What was tried, and what came of it."""

from dataclasses import dataclass, field

#: Under this name the figures of a test travel with its report, also from one process to another.
PROPERTY = "hostile inputs"


@dataclass
class Tally:
    """The inputs of one ``origin``: how many were tried, which were answered with a crash, which let in wrongly."""

    origin: str
    tried: int = 0
    crashes: list[str] = field(default_factory=list)
    let_in: list[str] = field(default_factory=list)

    def answered(self, what: object, status: int) -> None:
        """Count an input and the status that it was answered with."""
        self.tried += 1
        if status >= 500:
            self.crashes.append(f"{status}: {what!a:.200}")

    def refuse_that(self, what: object, *, let_in: bool) -> None:
        """Count it as let in wrongly, where it was."""
        if let_in:
            self.let_in.append(f"{what!a:.200}")

    def verdict(self) -> str:
        """Empty where all went well."""
        found = [("crashed", self.crashes), ("let in", self.let_in)]
        return "\n".join(f"{len(whats)} {words}:\n  " + "\n  ".join(whats[:20]) for words, whats in found if whats)


def table(rows: dict[str, tuple[int, int, int]]) -> str:
    """Inputs, crashes and wrong accepts of each origin, and their sums, to be read."""
    width = max(map(len, (*rows, "all")))
    sums = tuple(map(sum, zip(*rows.values(), strict=True))) or (0, 0, 0)
    lines = [f"{'origin':{width}}  inputs  5xx  let in wrongly"]
    lines += [f"{origin:{width}}  {tried:6}  {bad:3}  {let_in:14}" for origin, (tried, bad, let_in) in rows.items()]
    return "\n".join([*lines, f"{'all':{width}}  {sums[0]:6}  {sums[1]:3}  {sums[2]:14}"])
