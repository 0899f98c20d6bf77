"""Write what is in Serinus's images to dist/sbom/<image>.cdx.json, as CycloneDX: `python -m scripts.sbom [IMAGE...]`.

The images must have been built; each is asked itself. The same image gives the same bytes.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.images import reference
from scripts import containers

ROOT = Path(__file__).parents[1]
INVENTORY = Path(__file__).with_name("inventory.py")
FOLDER = ROOT / "dist" / "sbom"


@dataclass(frozen=True)
class Image:
    """An image that was built. `identity`: the hex digits of its digest; `created`: ISO 8601."""

    name: str
    identity: str
    created: str


def bill_of_materials(image: Image, installed: dict[str, Any]) -> Bom:
    """What scripts/inventory.py has printed inside the image, as a CycloneDX document."""
    bom = Bom(serial_number=uuid5(NAMESPACE_OID, image.identity))
    bom.metadata.timestamp = datetime.fromisoformat(image.created)
    bom.metadata.component = whole = _whole(image)
    distributions = {canonicalize_name(one["name"]): _distribution(one) for one in installed["distributions"]}
    base = [
        _interpreter(installed["python"]),
        *(_distribution(one, "base:") for one in installed["base"]),
        *(_package(one, installed["system"]) for one in installed["packages"]),
    ]
    bom.components.update([*distributions.values(), *base])
    bom.register_dependency(whole, [*distributions.values(), *base])
    for one in installed["distributions"]:
        name = canonicalize_name(one["name"])
        bom.register_dependency(distributions[name], _needed(name, one["requires"], distributions))
    return bom


def _whole(image: Image) -> Component:
    name, _, version = reference(image.name).rpartition(":")
    return Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=version,
        bom_ref=f"{name}:{version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.identity)],
    )


def _distribution(one: dict[str, Any], place: str = "") -> Component:
    name, version = canonicalize_name(one["name"]), one["version"]
    return Component(
        type=ComponentType.LIBRARY,
        name=one["name"],
        version=version,
        description=one["summary"],
        bom_ref=f"{place}pypi:{name}=={version}",
        purl=PackageURL("pypi", name=name, version=version),
        licenses=[LicenseFactory().make_from_string(one["license"])] if one["license"] else [],
    )


def _needed(name: str, requires: list[str], distributions: Mapping[Any, Component]) -> list[Component]:
    """What a distribution asks for under whatever condition, as far as it is there."""
    asked = {canonicalize_name(Requirement(text).name) for text in requires} - {name}
    return [distributions[one] for one in sorted(asked & distributions.keys())]


def _interpreter(version: str) -> Component:
    url = PackageURL("generic", name="python", version=version)
    return Component(type=ComponentType.PLATFORM, name="CPython", version=version, bom_ref=str(url), purl=url)


def _package(one: dict[str, str], system: str) -> Component:
    qualifiers = {"arch": one["architecture"], "distro": system}
    url = PackageURL("deb", "debian", one["name"], one["version"], qualifiers)
    return Component(type=ComponentType.LIBRARY, name=one["name"], version=one["version"], bom_ref=str(url), purl=url)


def serialize(bom: Bom) -> str:
    """The document as JSON. Raises ValueError where the schema of CycloneDX 1.6 refuses it."""
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise ValueError(f"the bill of materials does not keep the schema of CycloneDX 1.6: {problem}")
    return f"{text}\n"


def _built(name: str) -> Image:
    identity = containers.inspect(name, "{{.Id}}").removeprefix("sha256:")  # podman leaves the algorithm out
    created = containers.inspect(name, '{{index .Config.Labels "org.opencontainers.image.created"}}')
    return Image(name, identity, created)


def _installed(name: str) -> dict[str, Any]:
    options = ["--interactive", "--entrypoint=python"]
    command = containers.command_for(reference(name), ["-"], options=options)
    done = subprocess.run(command, input=INVENTORY.read_text(), capture_output=True, text=True, check=True)
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def main(names: list[str]) -> None:
    """Write the file of each image."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        bom = bill_of_materials(_built(name), _installed(name))
        target = FOLDER / f"{name}.cdx.json"
        target.write_text(serialize(bom), encoding="utf-8")
        sys.stdout.write(f"{target.relative_to(ROOT)}: {len(bom.components)} components\n")


if __name__ == "__main__":
    main(sys.argv[1:] or containers.IMAGES)
