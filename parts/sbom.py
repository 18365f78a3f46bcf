"""Completes the list of parts that ``cyclonedx_py`` makes of requirements.txt: licences, and what wheels carry inside.

``python -m parts.sbom SBOM SITE_PACKAGES`` rewrites the file SBOM, in CycloneDX 1.6, the same each time. On standard
input comes what ``cyclonedx_py environment`` says of the environment that SITE_PACKAGES belongs to.
"""

import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from parts.wheels import Part, Wheel, files_of, installed, normal_name, own_lists, read_table


def main() -> int:
    """Return the exit code: 1 when the list that was made is no good CycloneDX."""
    path, site_packages = Path(sys.argv[1]), sys.argv[2]
    bom = read(path.read_text())
    complete(bom, read(sys.stdin.read()), installed(site_packages))
    written = JsonV1Dot6(bom).output_as_string(indent=2)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if fault:
        print(f"The list of parts would not be valid: {fault.data}", file=sys.stderr)
        return 1
    path.write_text(f"{written}\n")
    return 0


def read(text: str) -> Bom:
    """A list in CycloneDX' JSON, without what differs from one making to the next."""
    bom: Bom = Bom.from_json(json.loads(text))  # type: ignore[attr-defined]  # a decorator adds it
    bom.serial_number = None  # type: ignore[assignment]
    bom.metadata.timestamp = None  # type: ignore[assignment]
    return bom


def complete(bom: Bom, environment: Bom, here: dict[str, Distribution]) -> None:
    """Add to each distribution of ``bom`` that is installed its licences and its parts; then those of the tests.

    Those of the tests have the scope "excluded": they are in no running Quatrain.
    """
    licences = {(normal_name(each.name), each.version): each.licenses for each in environment.components}
    table = read_table()
    components = [*bom.components, *(_of_the_tests(each) for each in table.values() if each.for_tests)]
    for component in components:
        distribution = here.get(normal_name(component.name))
        if distribution is not None and distribution.version == component.version:
            key = (normal_name(component.name), distribution.version)
            component.licenses = licences.get(key, ())
            component.components = _carried(component, distribution, table.get(key))
    bom.components = components


def _of_the_tests(wheel: Wheel) -> Component:
    component = _component(wheel.name, wheel.version, PackageURL("pypi", name=wheel.name, version=wheel.version))
    component.scope = ComponentScope.EXCLUDED
    return component


def _carried(holder: Component, distribution: Distribution, wheel: Wheel | None) -> Iterable[Component]:
    """What the wheel's own lists name, and what our table adds. Each once, whatever number of files it is in.

    On another kind of machine the wheel may hold less, or another version: its files and its own lists are believed.
    """
    listed = list({(each.name, each.version): each for each in _listed(distribution)}.values())
    found = list(listed)
    for part in wheel.parts if wheel else ():
        # There is a crate, too, that is called openssl.
        same = [each for each in listed if each.name == part.name and not (each.purl and each.purl.type == "cargo")]
        if not same and files_of(distribution, part):
            same = [_of_the_table(part)]
            found += same
        for each in same:
            each.licenses = [LicenseFactory().make_from_string(part.licence)]
    for each in found:
        each.bom_ref.value = f"{holder.purl}#{each.purl}"
    return found


def _listed(distribution: Distribution) -> Iterator[Component]:
    for each in own_lists(distribution):
        with warnings.catch_warnings(action="ignore"):  # older forms of CycloneDX say some things otherwise
            components = Bom.from_json(each).components  # type: ignore[attr-defined]
        for component in components:
            if normal_name(component.name) != normal_name(distribution.name):  # a repaired wheel names itself, too
                yield _component(component.name, component.version, component.purl, component)


def _of_the_table(part: Part) -> Component:
    return _component(part.name, part.version, PackageURL("generic", name=part.name, version=part.version))


def _component(name: str, version: str | None, purl: PackageURL | None, like: Component | None = None) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        licenses=like.licenses if like else (),
        hashes=like.hashes if like else (),
    )


if __name__ == "__main__":
    sys.exit(main())
