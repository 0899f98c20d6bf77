"""The HTTPRoutes that we write, against the definition that the Gateway API brings."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.adapters.standard.cases import ROUTES
from tests.cluster.control_plane import builds
from tests.cluster.control_plane.kserve import gateway_definitions
from tests.cluster.openapi import NAMES, strict

CRD = "httproutes.gateway.networking.k8s.io"
FILE = "httproute_gateway.networking.k8s.io_v1.json"


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schema of HTTPRoute, which refuses fields that it does not name."""
    builds.build([builds.KUBECONFORM])
    (definition,) = [one for one in gateway_definitions() if one["metadata"]["name"] == CRD]
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"] |= {name: {"type": "string"} for name in ("apiVersion", "kind")}
    folder = tmp_path_factory.mktemp("schemas")
    (folder / FILE).write_text(json.dumps(strict(schema)))
    return folder


def conform(schemas: Path, route: object, folder: Path) -> str:
    """What kubeconform finds; empty if nothing."""
    file = folder / "route.json"
    file.write_text(json.dumps(route))
    command = [str(builds.KUBECONFORM.path), "-strict", "-schema-location", str(schemas / NAMES), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_keeps_to_the_schema(name: str, schemas: Path, tmp_path: Path) -> None:
    assert conform(schemas, ROUTES[name](), tmp_path) == ""


def test_a_share_that_is_none_does_not(schemas: Path, tmp_path: Path) -> None:
    route = ROUTES["route-mirror-share"]()
    route["spec"]["rules"][0]["filters"][0]["requestMirror"]["percent"] = 101
    assert "101" in conform(schemas, route, tmp_path)
