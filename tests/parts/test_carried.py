"""What we say that wheels carry is what the installed ones do carry, down to the versions that parts tell."""

import platform
import re
import subprocess
import sys
import sysconfig
from importlib import import_module
from importlib.metadata import Distribution
from pathlib import Path

import psycopg
import pytest

from parts.wheels import Part, files_of, foreign_files, installed, own_lists, read_table, unexplained_files
from tests.test_requirements import PIN, ROOT, lines_of

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="looked at were the wheels for Linux on x86-64"
)

HERE = installed(sysconfig.get_path("purelib"))
TABLE = read_table()
WITH_FOREIGN_FILES = [
    name
    for name in sorted({match["name"] for match in map(PIN.fullmatch, lines_of(ROOT / "requirements.txt")) if match})
    if name in HERE and foreign_files(HERE[name])
]
PARTS = [
    (HERE[name], part)
    for (name, version), wheel in TABLE.items()
    if name in HERE
    for part in wheel.parts
    if HERE[name].version == version
]
THAT_TELL = [(wheel, part) for wheel, part in PARTS if part.tells]


def label(value: object) -> str:
    return value.name if isinstance(value, Part | Distribution) else str(value)


@pytest.mark.parametrize("name", WITH_FOREIGN_FILES)
def test_every_file_of_the_product_that_is_no_python_is_spoken_of(name: str) -> None:
    wheel = HERE[name]

    assert (name, wheel.version) in TABLE, "look at what this version carries, and write it into parts/carried.toml"
    assert unexplained_files(wheel, TABLE[name, wheel.version]) == []


@pytest.mark.parametrize("name", sorted({name for name, _ in TABLE if name in HERE}))
def test_what_was_looked_at_is_what_is_installed(name: str) -> None:
    assert (name, HERE[name].version) in TABLE


@pytest.mark.parametrize(("wheel", "part"), PARTS, ids=label)
def test_a_part_is_in_some_file(wheel: Distribution, part: Part) -> None:
    assert files_of(wheel, part)


@pytest.mark.parametrize(("wheel", "part"), THAT_TELL, ids=label)
def test_a_part_has_the_version_that_its_files_tell(wheel: Distribution, part: Part) -> None:
    told = {
        found for file in files_of(wheel, part) for found in re.findall(str(part.tells).encode(), file.read_bytes())
    }

    assert told == {str(part.version).encode()}


def test_valkey_has_the_version_that_it_tells() -> None:
    wheel, valkey = next((wheel, part) for wheel, part in PARTS if part.name == "valkey")
    said = subprocess.run([*files_of(wheel, valkey), "--version"], capture_output=True, text=True, check=True).stdout

    assert f"v={valkey.version} " in said


def test_libpq_has_the_version_that_it_tells() -> None:
    libpq = next(part for _, part in PARTS if part.name == "libpq")

    assert psycopg.pq.__impl__ == "binary"
    assert divmod(psycopg.pq.version(), 10_000) == tuple(map(int, str(libpq.version).split(".")))


def test_libyaml_has_the_version_that_it_tells() -> None:
    libyaml = next(part for _, part in PARTS if part.name == "libyaml")

    assert import_module("yaml._yaml").get_version_string() == libyaml.version


@pytest.mark.parametrize("name", WITH_FOREIGN_FILES)
def test_the_table_agrees_with_the_list_that_a_wheel_brings_itself(name: str) -> None:
    listed = {part["name"]: part["version"] for found in own_lists(HERE[name]) for part in found.get("components", ())}
    ours = {part.name: part.version for part in TABLE[name, HERE[name].version].parts if part.name in listed}

    assert ours == {part: listed[part] for part in ours}


def test_a_file_that_nobody_has_looked_at_is_found(tmp_path: Path) -> None:
    wheel = tmp_path / "newcomer-1.0.dist-info"
    wheel.mkdir()
    (wheel / "METADATA").write_text("Metadata-Version: 2.4\nName: newcomer\nVersion: 1.0\n")
    (wheel / "RECORD").write_text("newcomer/server,,\nnewcomer/page.js,,\nnewcomer/readme,,\n")
    (tmp_path / "newcomer").mkdir()
    (tmp_path / "newcomer" / "server").write_bytes(b"\x7fELF and so on")
    (tmp_path / "newcomer" / "readme").write_text("no machine code")

    assert unexplained_files(installed(str(tmp_path))["newcomer"], None) == ["newcomer/server", "newcomer/page.js"]


def test_no_page_loads_what_is_called_unused() -> None:
    templates = "".join(path.read_text() for path in (ROOT / "web").rglob("*.html"))

    assert "load_js" not in templates
    assert "bootstrap4" not in templates
