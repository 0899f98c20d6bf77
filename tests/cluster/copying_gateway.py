"""Envoy Gateway beside the cluster's own gateway, for tests that import the fixture by name: one that copies requests.

Its chart installs it, its controller starts Envoy; both are the real programs, as pods of the cluster's node.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any

import pytest

from tests.cluster.chart import Chart
from tests.cluster.control_plane import builds, forward, manifests
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.manifests import Source
from tests.cluster.control_plane.node.environment import BASE
from tests.cluster.control_plane.node.images import Image, write_images
from tests.cluster.control_plane.processes import stop_all
from tests.cluster.looking import Look, eventually

RELEASE, NAMESPACE, CLASS, NAME = "envoy-gateway", "envoy-gateway-system", "envoy", "copying"
SOURCE = Source("envoy-gateway", "github.com/envoyproxy/gateway")
IMAGES = {"GatewayImage": "docker.io/envoyproxy/gateway:test", "GatewayImagePullPolicy": "IfNotPresent"}
PORT = 80
GATEWAYS = ("gateway.networking.k8s.io", "v1", NAMESPACE, "gateways", NAME)
Json = dict[str, Any]


@dataclass(frozen=True)
class CopyingGateway:
    """`url`: where it is reached from outside of the namespace; `reference`: as `spec.serving.gateway` names it."""

    url: str
    reference: Json


@pytest.fixture(scope="module")
def copying_gateway(cluster: Cluster, look: Look, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopyingGateway]:
    builds.build([builds.ENVOY_GATEWAY])
    write_images(cluster.layout.images, _images())
    tools, client = Chart.of(cluster), cluster.kubectl()
    chart = SOURCE.folder() / "charts" / "gateway-helm"
    client.define(manifests.load_folder(chart / "charts" / "crds" / "crds" / "generated"))
    values = tmp_path_factory.mktemp("envoy") / "values.yaml"
    values.write_text(Template((chart / "values.tmpl.yaml").read_text()).safe_substitute(IMAGES))
    switches = ("--create-namespace", "--skip-crds", "--set=topologyInjector.enabled=false", "--wait")
    done = tools.helm("install", RELEASE, str(chart), f"--values={values}", *switches, namespace=NAMESPACE)
    assert done.returncode == 0, done.stderr
    client.apply(_objects())
    client.wait("Programmed", f"gateway/{NAME}", f"--namespace={NAMESPACE}", seconds=90)
    address = look.custom.get_namespaced_custom_object(*GATEWAYS)["status"]["addresses"][0]["value"]
    record, ports = forward.start(cluster.starter, {"envoy": (address, PORT)}, "envoy-forward")
    try:
        yield CopyingGateway(f"http://127.0.0.1:{ports['envoy']}", {"name": NAME, "namespace": NAMESPACE})
    finally:
        stop_all(cluster.layout.records, [record])
        look.custom.delete_namespaced_custom_object(*GATEWAYS)
        eventually(lambda: not _proxies(look), "Envoy is gone", 60)
        tools.helm("uninstall", RELEASE, namespace=NAMESPACE)


def _images() -> dict[str, Image]:
    """The pods say by name what they run. Envoy is found where all programs of the virtual environment are."""
    path = f"{builds.ENVOY_GATEWAY.path.parent}:{BASE['PATH']}"
    return {
        "docker.io/envoyproxy/gateway": Image(entrypoint=("envoy-gateway",), environment={"PATH": path}),
        "docker.io/envoyproxy/envoy": Image(),
    }


def _objects() -> list[Json]:
    """A GatewayClass whose Envoys are reached by an address of the cluster, and a Gateway for every namespace."""
    group, api = "gateway.envoyproxy.io", "gateway.networking.k8s.io/v1"
    proxy = {"name": NAME, "namespace": NAMESPACE}
    provider = {"type": "Kubernetes", "kubernetes": {"envoyService": {"type": "ClusterIP"}}}
    settings = {"provider": provider, "shutdown": {"drainTimeout": "1s", "minDrainDuration": "1s"}}
    listener = {"name": "http", "protocol": "HTTP", "port": PORT, "allowedRoutes": {"namespaces": {"from": "All"}}}
    return [
        {"apiVersion": f"{group}/v1alpha1", "kind": "EnvoyProxy", "metadata": proxy, "spec": settings},
        {
            "apiVersion": api,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {
                "controllerName": "gateway.envoyproxy.io/gatewayclass-controller",
                "parametersRef": {"group": group, "kind": "EnvoyProxy", **proxy},
            },
        },
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
        },
    ]


def _proxies(look: Look) -> list[Any]:
    found: list[Any] = look.core.list_namespaced_pod(
        NAMESPACE, label_selector="app.kubernetes.io/managed-by=envoy-gateway"
    ).items
    return found
