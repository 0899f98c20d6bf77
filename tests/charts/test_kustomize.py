"""The kustomizations make the same objects as the chart."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.charts.rendered import CHART, CRD_KIND, ROOT, Manifest, by_name, documents, golden, of_kind, shortened

KUBECTL = Path(sys.executable).with_name("kubectl")
MANIFESTS = ROOT / "manifests"
SAME = {
    "default": "base",
    "namespaced": "overlays/namespaced",
    "monitoring": "overlays/monitoring",
    "collector": "overlays/collector",
    "retraining": "overlays/retraining",
}


def kustomized(folder: str) -> list[Manifest]:
    done = subprocess.run(
        [KUBECTL, "kustomize", MANIFESTS / folder], check=True, capture_output=True, text=True, timeout=60
    )
    return documents(done.stdout)


@pytest.mark.parametrize(("values", "folder"), SAME.items())
def test_a_kustomization_makes_what_the_chart_makes(values: str, folder: str) -> None:
    objects = by_name([shortened(one) for one in kustomized(folder) if one["kind"] not in ("Namespace", CRD_KIND)])
    wanted = by_name(golden(values))
    assert objects.keys() == wanted.keys()
    for name, manifest in wanted.items():
        assert objects[name] == manifest, name


@pytest.mark.parametrize("folder", SAME.values())
def test_a_kustomization_brings_the_custom_resource_and_a_restricted_namespace(folder: str) -> None:
    made = kustomized(folder)
    (crd,) = of_kind(made, CRD_KIND)
    (committed,) = documents((CHART / "files" / "crd" / "modeldeployments.yaml").read_text(encoding="utf-8"))
    assert crd["spec"] == committed["spec"]
    (namespace,) = of_kind(made, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_chart_and_the_manifests_have_the_same_custom_resource() -> None:
    name = "modeldeployments.yaml"
    assert (MANIFESTS / "crd" / name).read_bytes() == (CHART / "files" / "crd" / name).read_bytes()
