"""A bill of materials keeps CycloneDX's schema, and says of each part what it is and what it needs."""

import json
from typing import Any

import pytest

from scripts.sbom import Image, bill_of_materials, serialize

IMAGE = Image("data", "ab" * 32, "2026-11-23T10:00:00Z")
PART = {"summary": None, "license": "", "requires": []}
INSTALLED = {
    "python": "3.11.9",
    "system": "debian-12",
    "distributions": [
        {
            **PART,
            "name": "pandas",
            "version": "2.3.3",
            "license": "BSD-3-Clause",
            "requires": ["NumPy>=1.26", "absent"],
        },
        {**PART, "name": "NumPy", "version": "2.4.6", "requires": ['numpy[all]; extra == "all"']},
        {**PART, "name": "old_one", "version": "1", "license": "Some License, Version 7"},
    ],
    "base": [{**PART, "name": "pip", "version": "24.0"}],
    "packages": [{"name": "libc6", "version": "2.36-9+deb12u10", "architecture": "amd64"}],
}


@pytest.fixture
def document() -> Any:
    return json.loads(serialize(bill_of_materials(IMAGE, INSTALLED)))


def test_each_part_has_an_address(document: Any) -> None:
    assert {one["purl"] for one in document["components"]} == {
        "pkg:pypi/pandas@2.3.3",
        "pkg:pypi/numpy@2.4.6",
        "pkg:pypi/old-one@1",
        "pkg:pypi/pip@24.0",
        "pkg:generic/python@3.11.9",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
    }


def test_the_whole_is_the_image(document: Any) -> None:
    whole = document["metadata"]["component"]
    assert (whole["type"], whole["version"]) == ("container", "0.1.0")
    assert whole["name"].endswith("/data")
    assert whole["hashes"] == [{"alg": "SHA-256", "content": IMAGE.identity}]
    assert document["metadata"]["timestamp"].startswith("2026-11-23T10:00:00")


def test_a_part_depends_on_what_it_asks_for_and_what_is_there(document: Any) -> None:
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert needs["pypi:pandas==2.3.3"] == ["pypi:numpy==2.4.6"]
    assert needs["base:pypi:pip==24.0"] == []
    assert needs["pypi:numpy==2.4.6"] == [], "an extra of its own is no dependency"
    assert len(needs[document["metadata"]["component"]["bom-ref"]]) == 6


def test_a_license_is_an_identifier_where_it_has_one(document: Any) -> None:
    licenses = {one["name"]: one.get("licenses") for one in document["components"]}
    assert licenses["pandas"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert licenses["old_one"] == [{"license": {"name": "Some License, Version 7"}}]
    assert licenses["NumPy"] is None


def test_the_same_image_gives_the_same_bytes() -> None:
    assert serialize(bill_of_materials(IMAGE, INSTALLED)) == serialize(bill_of_materials(IMAGE, INSTALLED))
