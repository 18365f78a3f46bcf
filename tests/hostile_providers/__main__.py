"""Prints what was tried and what came of it, for everything that there is to try; takes some minutes."""

import sys
import time
from collections.abc import Callable

from tests.hostile_providers import campaign
from tests.hostile_providers.campaign import Tally
from tests.hostile_providers.operations import DOWNLOAD, record, refusals
from tests.hostile_providers.wire_garbage import AT_ONCE, ENDLESS, LARGE
from tests.providers.wires import WIRES

HEADS = ("garbages", "calls", "results", "our errors", *campaign.WRONGS, "seconds")


def main() -> int:
    """Try it all; 1 if anything came to no good."""
    operations = [*record(), DOWNLOAD]
    parts: dict[str, Callable[[], Tally]] = {
        "no answer at all": lambda: campaign.carry_out(campaign.wire_tries(operations, AT_ONCE)),
        "no end": lambda: campaign.carry_out_side_by_side(campaign.wire_tries(operations, ENDLESS)),
        "no measure": lambda: campaign.carry_out_weighed(campaign.wire_tries(operations, LARGE)),
        "answers, one thing in them changed": lambda: campaign.carry_out(campaign.json_tries(operations)),
        "refusals, one thing in them changed": lambda: campaign.carry_out(campaign.json_tries(refusals())),
        "our key in the answer": lambda: campaign.carry_out(campaign.echo_tries(operations)),
    }
    print(f"{len(operations) - 1} calls of adapters in {len(WIRES)} ways to speak, and a download\n")
    print(f"| what comes | {' | '.join(HEADS)} |\n|---|{'---:|' * len(HEADS)}")
    wrong: list[str] = []
    for name, carry_out in parts.items():
        began = time.perf_counter()
        tally = carry_out()
        wrong += tally.wrong
        figures = [tally.garbages, tally.tried, tally.results, tally.refusals.total(), *tally.count_wrong()]
        print(f"| {name} | {' | '.join(map(str, figures))} | {time.perf_counter() - began:.0f} |", flush=True)
    print("\n".join(["", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
