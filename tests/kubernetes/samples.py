"""Manifests and a small world for the tests of the operator."""

from typing import Any

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, MODEL_DEPLOYMENT
from serinus.ports import Key

KEY = Key("ml", "flight")


def deployment(name: str = "flight", *, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A ModelDeployment as it is applied."""
    return {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        "metadata": {"name": name, "namespace": "ml", **metadata},
        "spec": spec or {"model": {"name": "flight", "uri": "s3://models/1"}},
    }


def route(name: str = "flight", hostnames: tuple[str, ...] = ("a.example",), **metadata: Any) -> dict[str, Any]:
    """An HTTPRoute that belongs to it."""
    labels = {"serinus.dev/deployment": "flight"}
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": name, "namespace": "ml", "labels": labels, **metadata},
        "spec": {"hostnames": list(hostnames)},
    }
