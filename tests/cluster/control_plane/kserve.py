"""KServe: its controller, unchanged, with its webhooks, in Standard mode by default."""

import base64
import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import manifests
from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.layout import Layout
from tests.cluster.control_plane.manifests import Manifest, Source

NAMESPACE = "kserve"
DEPLOYMENT = "kserve-controller-manager"
SOURCE = Source("kserve", "github.com/kserve/kserve")
GATEWAY_API = Source("kserve", "sigs.k8s.io/gateway-api")
DOMAIN = "example.com"
# The label keeps pods of the namespace away from the webhook that its own controller serves.
LABELS = {"control-plane": DEPLOYMENT}
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
# cert-manager is not here: the cluster's own authority signs the webhook's certificate.
NOT_HERE = ("Certificate", "Issuer")


def gateway_definitions() -> list[Manifest]:
    """The CustomResourceDefinitions of the Gateway API."""
    return manifests.bundle("gateway-api", "kserve", Path(__file__), _gateway_definitions)


def _gateway_definitions() -> Iterable[Manifest]:
    return manifests.load_folder(GATEWAY_API.folder() / "config" / "crd" / "standard")


def definitions() -> list[Manifest]:
    """KServe's CustomResourceDefinitions."""
    return [one for one in _everything() if one["kind"] == "CustomResourceDefinition"]


def _everything() -> list[Manifest]:
    return manifests.bundle("kserve", "kserve", Path(__file__), _read)


def _read() -> Iterator[Manifest]:
    config = SOURCE.folder() / "config"
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": LABELS}}
    for manifest in manifests.kustomize(config / "default"):
        if manifest["kind"] not in NOT_HERE:
            manifest["metadata"].pop("creationTimestamp", None)
            yield _controller(manifest) if manifest["kind"] == "Deployment" else manifest
    yield from map(_configured, manifests.load(config / "configmap" / "inferenceservice.yaml"))
    yield from manifests.kustomize(config / "runtimes")
    yield from manifests.kustomize(config / "storagecontainers")


def _controller(deployment: Manifest) -> Manifest:
    """Without the proxy that only guards its metrics, and ready as soon as it is."""
    pod = deployment["spec"]["template"]["spec"]
    pod["containers"] = [container for container in pod["containers"] if container["name"] == "manager"]
    for probe in ("readinessProbe", "livenessProbe"):
        pod["containers"][0][probe] |= {"initialDelaySeconds": 0, "periodSeconds": 1, "failureThreshold": 60}
    return deployment


def _configured(config: Manifest) -> Manifest:
    changes = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {"enableGatewayApi": True, "disableIstioVirtualHost": True, "ingressDomain": DOMAIN},
    }
    config["metadata"]["namespace"] = NAMESPACE
    config["data"].pop("_example", None)
    for key, change in changes.items():
        config["data"][key] = json.dumps(json.loads(config["data"][key]) | change)
    return config


@dataclass(frozen=True)
class KServe:
    """Installs KServe into a cluster whose definitions are there."""

    layout: Layout
    client: Kubectl

    def install(self) -> None:
        """Everything but what its own webhooks must let through."""
        late = ("CustomResourceDefinition", "ClusterServingRuntime", "ClusterStorageContainer")
        early = [one for one in copy.deepcopy(_everything()) if one["kind"] not in late]
        for configuration in early:
            if configuration["kind"] in WEBHOOKS:
                self._trust(configuration)
        namespace, *rest = early
        self.client.apply([namespace, self._certificate(), *rest])

    def finish(self) -> None:
        """Wait for the controller, then add the runtimes."""
        self.client.wait("Available", f"deployment/{DEPLOYMENT}", f"--namespace={NAMESPACE}")
        late = ("ClusterServingRuntime", "ClusterStorageContainer")
        self.client.apply(one for one in _everything() if one["kind"] in late)

    def _trust(self, configuration: Manifest) -> None:
        authority = _base64(self.layout.pki / "ca.crt")
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["caBundle"] = authority

    def _certificate(self) -> Manifest:
        pki = self.layout.pki
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": "kserve-webhook-server-cert", "namespace": NAMESPACE},
            "data": {"tls.crt": _base64(pki / "kserve-webhook.crt"), "tls.key": _base64(pki / "kserve-webhook.key")},
        }


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
