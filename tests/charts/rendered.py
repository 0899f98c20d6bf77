"""What the chart and the kustomizations render, in a form that can be compared."""

import hashlib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "serinus"
HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
VALUE_SETS = tuple(sorted(path.stem for path in (HERE / "values").glob("*.yaml")))
CRD_KIND = "CustomResourceDefinition"
HELM_ONLY = ("app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy")

Manifest = dict[str, Any]
Name = tuple[str, str, str]


def documents(text: str) -> list[Manifest]:
    """Every object of a YAML stream."""
    return [document for document in yaml.safe_load_all(text) if document]


def golden(values: str) -> list[Manifest]:
    """What the chart renders for a value set, but for the CustomResourceDefinition, which is generated elsewhere."""
    return documents((GOLDEN / f"{values}.yaml").read_text(encoding="utf-8"))


def name_of(manifest: Manifest) -> Name:
    """Kind, namespace and name."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def shortened(manifest: Manifest) -> Manifest:
    """With the digests of its files where it is a ConfigMap: the dashboards are committed elsewhere."""
    if manifest["kind"] != "ConfigMap":
        return manifest
    digests = {name: hashlib.sha256(text.strip().encode()).hexdigest() for name, text in manifest["data"].items()}
    return {**manifest, "data": digests}


def by_name(manifests: list[Manifest]) -> dict[Name, Manifest]:
    """The objects without what only Helm writes."""
    return {name_of(one): _without_helm(one) for one in manifests}


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """The objects of these kinds."""
    return [one for one in manifests if one["kind"] in kinds]


def _without_helm(manifest: Manifest) -> Manifest:
    metadata = dict(manifest["metadata"])
    for field in ("labels", "annotations"):
        kept = {name: value for name, value in metadata.pop(field, {}).items() if name not in HELM_ONLY}
        if kept:
            metadata[field] = kept
    return {**manifest, "metadata": metadata}
