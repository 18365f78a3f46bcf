"""Asks OSV (https://osv.dev) for known holes in what wheels carry inside; for the wheels themselves pip-audit asks.

``python -m parts.audit SBOM`` reads the list that ``make sbom`` wrote. It ends with 1 when a hole is known, and names
the parts that nobody can be asked about: those have to be looked after by hand.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from packageurl import PackageURL

from parts.wheels import Part, read_table

OSV = "https://api.osv.dev/v1"
QUERIES_AT_ONCE = 1000  # https://google.github.io/osv.dev/post-v1-querybatch/
TIMEOUT_SECONDS = 60
COMMIT = re.compile("[0-9a-f]{40}")

Query = dict[str, Any]


@dataclass(frozen=True)
class Carried:
    """A part of the list, and the wheel that holds it."""

    wheel: str
    name: str
    version: str | None
    queries: tuple[Query, ...]
    unused: bool

    def __str__(self) -> str:
        return f"{self.name} {self.version or '(no version)'} in {self.wheel}"


def main() -> int:
    """Print what is known; return the exit code: 1 for a hole, 2 when OSV could not be asked."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sbom", type=Path)
    arguments.add_argument("--osv", default=OSV, help="where OSV answers (default: %(default)s)")
    given = arguments.parse_args()
    parts = list(read_parts(json.loads(given.sbom.read_text())))
    asked = [part for part in parts if part.queries]
    try:
        holes = known_holes(asked, given.osv)
    except (requests.RequestException, ValueError, KeyError) as fault:
        print(f"OSV could not be asked about what is inside wheels ({fault}); try again later.", file=sys.stderr)
        return 2
    for part, hole in holes:
        print(f"{part}: https://osv.dev/{hole}")
    print(f"OSV was asked about {len(asked)} parts inside wheels; it knows {len(holes)} holes in them.")
    _name("Nobody can be asked about", [part for part in parts if not part.queries and not part.unused])
    _name("Nothing of ours uses, and so nobody was asked about,", [part for part in parts if part.unused])
    return 1 if holes else 0


def read_parts(sbom: dict[str, Any]) -> Iterator[Carried]:
    """The parts inside the wheels of a list, with what is to be asked about each."""
    table = read_table()
    for wheel in sbom["components"]:
        row = table.get((wheel["name"], wheel.get("version", "")))
        ours = {(part.name, part.version): part for part in (row.parts if row else ())}
        for part in wheel.get("components", ()):
            name, version = part["name"], part.get("version")
            row_of_it = ours.get((name, version))
            queries = (*_queries_of_the_table(row_of_it), *_queries_of_a_purl(part.get("purl")))
            unused = row_of_it is not None and row_of_it.unused is not None
            yield Carried(f"{wheel['name']} {wheel.get('version')}", name, version, queries, unused)


def known_holes(parts: list[Carried], osv: str) -> list[tuple[str, str]]:
    """What OSV knows, each hole once: the part and the hole's id.

    Raises ``requests.RequestException``, and ``ValueError`` or ``KeyError`` for an answer that is none.
    """
    waiting = [(part, query) for part in parts for query in part.queries]
    found: set[tuple[str, str]] = set()
    while waiting:
        asked, waiting = waiting[:QUERIES_AT_ONCE], waiting[QUERIES_AT_ONCE:]
        answer = requests.post(
            f"{osv}/querybatch", json={"queries": [query for _, query in asked]}, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        for (part, query), result in zip(asked, answer.json()["results"], strict=True):
            found |= {(str(part), hole["id"]) for hole in result.get("vulns", ())}
            if result.get("next_page_token"):
                waiting.append((part, {**query, "page_token": result["next_page_token"]}))
    return sorted(found)


def _name(what: str, parts: list[Carried]) -> None:
    if parts:
        print(f"{what} {len(parts)} others: {', '.join(map(str, parts))}.")


def _queries_of_the_table(part: Part | None) -> Iterator[Query]:
    if part is None:
        return
    for place in part.ask:
        if place.startswith("pkg:"):
            yield {"package": {"purl": f"{place}@{part.version}"}}
            continue
        repository, _, at = place.rpartition("@")
        if COMMIT.fullmatch(at):
            yield {"commit": at}
        else:
            yield {"package": {"ecosystem": "GIT", "name": repository}, "version": at.format(version=part.version)}


def _queries_of_a_purl(purl: str | None) -> Iterator[Query]:
    """Of the kinds of packages in lists that wheels bring, OSV knows crates of Rust and packages of AlmaLinux."""
    package = PackageURL.from_string(purl) if purl else None
    if package is None:
        return
    release = re.search(r"\.el(\d+)", package.version or "")
    if package.type == "cargo":
        yield {"package": {"purl": f"pkg:cargo/{package.name}@{package.version}"}}
    elif package.type == "rpm" and package.namespace == "almalinux" and release:
        yield {"package": {"ecosystem": f"AlmaLinux:{release[1]}", "name": package.name}, "version": package.version}


if __name__ == "__main__":
    sys.exit(main())
