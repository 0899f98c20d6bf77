"""Knative Serving: its controllers, unchanged, with their webhooks; Traefik is its ingress."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import manifests
from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.kserve import DOMAIN, WEBHOOKS
from tests.cluster.control_plane.manifests import Manifest, Source
from tests.cluster.control_plane.waiting import wait_until

NAMESPACE = "knative-serving"
SERVING = Source("knative", "knative.dev/serving")
NETWORKING = Source("knative", "knative.dev/networking")
CACHING = Source("knative", "knative.dev/caching")
INGRESS_CLASS = "traefik.ingress.networking.knative.dev"
# No registry can be asked for the digest of an image here.
REGISTRIES = "index.docker.io,docker.io,ghcr.io,quay.io,ko.local,dev.local,example.test,test"
SETTINGS = {
    "config-deployment": {"registries-skipping-tag-resolving": REGISTRIES},
    "config-network": {"ingress-class": INGRESS_CLASS},
    "config-domain": {DOMAIN: ""},
    # The activator is in the way of requests only while there is no pod.
    "config-autoscaler": {"target-burst-capacity": "0"},
}


def definitions() -> list[Manifest]:
    """Knative's CustomResourceDefinitions, which must be there before KServe's controller starts."""
    return [one for one in _everything() if one["kind"] == "CustomResourceDefinition"]


def _everything() -> list[Manifest]:
    return manifests.bundle("knative", "knative", Path(__file__), _read)


def _read() -> Iterator[Manifest]:
    core, networking = SERVING.folder() / "config" / "core", NETWORKING.folder() / "config"
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for folder in ("300-resources", "200-roles", "webhooks"):
        yield from manifests.load_folder(core / folder)
    yield from manifests.load(core / "200-serviceaccount.yaml", CACHING.folder() / "config" / "image.yaml")
    for name in ("certificate", "domain-claim", "ingress", "serverlessservice"):
        yield from manifests.load(networking / f"{name}.yaml")
    configs = [*manifests.load_folder(core / "configmaps"), *manifests.load(networking / "config-network.yaml")]
    yield from map(_configured, configs)
    deployments = ("controller", "webhook", "autoscaler", "activator")
    yield from map(_probed_often, manifests.load(*(core / "deployments" / f"{name}.yaml" for name in deployments)))


def _configured(config: Manifest) -> Manifest:
    config.setdefault("data", {}).pop("_example", None)
    config["metadata"].get("annotations", {}).pop("knative.dev/example-checksum", None)
    config["data"] |= SETTINGS.get(config["metadata"]["name"], {})
    return config


def _probed_often(manifest: Manifest) -> Manifest:
    if manifest["kind"] == "Deployment":
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            container["readinessProbe"] |= {"periodSeconds": 1, "failureThreshold": 60}
    return manifest


@dataclass(frozen=True)
class Knative:
    """Installs Knative into a cluster whose definitions are there."""

    client: Kubectl

    def install(self) -> None:
        """Everything but the webhooks, which would refuse the configuration while nobody serves them."""
        late = (*WEBHOOKS, "CustomResourceDefinition")
        self.client.apply(one for one in _everything() if one["kind"] not in late)

    def finish(self) -> None:
        """Wait for the controllers, then let their webhooks in."""
        self.client.wait("Available", "deployment", "--all", f"--namespace={NAMESPACE}")
        webhooks = [one for one in _everything() if one["kind"] in WEBHOOKS]
        self.client.apply(webhooks)
        if not wait_until(lambda: self._are_trusted(webhooks), seconds=30):
            raise ClusterError("Knative's webhook has not written its certificate into its configurations after 30 s")

    def _are_trusted(self, webhooks: list[Manifest]) -> bool:
        names = [f"{one['kind']}/{one['metadata']['name']}" for one in webhooks]
        found = self.client.get(*names)["items"]
        return all(webhook["clientConfig"].get("caBundle") for one in found for webhook in one["webhooks"])
