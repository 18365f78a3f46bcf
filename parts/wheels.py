"""What installed wheels carry besides Python: machine code, scripts, lists of their own (PEP 770); our table of it."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("carried.toml")
# How files of machine code begin: Linux; macOS, for one processor and for several.
NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


@dataclass(frozen=True)
class Part:
    """A server or a library in a wheel; ``carried.toml`` says what each field means."""

    name: str
    licence: str
    source: str
    files: tuple[str, ...]
    version: str | None = None
    tells: str | None = None
    unused: str | None = None
    ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wheel:
    """What was found in one version of a distribution."""

    name: str
    version: str
    own: tuple[str, ...]
    parts: tuple[Part, ...]
    for_tests: bool


def normal_name(name: str) -> str:
    """The name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_table() -> dict[tuple[str, str], Wheel]:
    """Our table, by name and version. Raises ``TypeError`` or ``KeyError`` for a field that is missing or unknown."""
    wheels = [_wheel(row) for row in tomllib.loads(TABLE.read_text())["wheel"]]
    return {(wheel.name, wheel.version): wheel for wheel in wheels}


def installed(site_packages: str) -> dict[str, Distribution]:
    """The distributions of a folder, by their normal names."""
    return {normal_name(each.name): each for each in distributions(path=[site_packages])}


def foreign_files(distribution: Distribution) -> list[str]:
    """Its files of machine code and its scripts for browsers, as its RECORD names them."""
    return [
        str(path) for path in distribution.files or () if path.suffix == ".js" or _is_native(Path(str(path.locate())))
    ]


def unexplained_files(distribution: Distribution, wheel: Wheel | None) -> list[str]:
    """Those that no row of the table speaks of."""
    known = [*wheel.own, *(pattern for part in wheel.parts for pattern in part.files)] if wheel else []
    return [name for name in foreign_files(distribution) if not any(fnmatch(name, pattern) for pattern in known)]


def files_of(distribution: Distribution, part: Part) -> list[Path]:
    """The installed files that a part is, or is linked into."""
    return [
        Path(str(path.locate()))
        for path in distribution.files or ()
        if any(fnmatch(str(path), pattern) for pattern in part.files)
    ]


def own_lists(distribution: Distribution) -> Iterator[dict[str, Any]]:
    """The lists of parts that a wheel brings itself, in CycloneDX; other forms are passed over."""
    for path in sorted(distribution.files or (), key=str):
        if fnmatch(str(path), "*.dist-info/sboms/*.json"):
            found = json.loads(path.read_text())
            if found.get("bomFormat") == "CycloneDX":
                yield found


def _wheel(row: dict[str, Any]) -> Wheel:
    parts = tuple(Part(**{key: _unchanging(value) for key, value in part.items()}) for part in row.get("part", ()))
    return Wheel(row["name"], row["version"], tuple(row.get("own", ())), parts, row.get("for") == "tests")


def _unchanging(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_native(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in NATIVE
