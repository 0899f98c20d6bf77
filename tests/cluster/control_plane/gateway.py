"""The gateway that every request comes through: Traefik, with the Gateway API and, where it is there, Knative."""

from dataclasses import dataclass

from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.kserve import NAMESPACE as KSERVE_NAMESPACE
from tests.cluster.control_plane.layout import GATEWAY_METRICS_PORT, GATEWAY_PORT, NODE_ADDRESS
from tests.cluster.control_plane.manifests import Manifest

NAMESPACE = "traefik"
CLASS = NAME = "traefik"
# What KServe's configuration calls it.
GATEWAY = "kserve-ingress-gateway"
EDGES_SECONDS = "0.005,0.01,0.025,0.05,0.1,0.2,0.3,0.5,1,2.5,5,10"
READ = ["get", "list", "watch"]
ROUTES = [
    "gatewayclasses",
    "gateways",
    "httproutes",
    "grpcroutes",
    "tlsroutes",
    "referencegrants",
    "backendtlspolicies",
]


@dataclass(frozen=True)
class TraefikGateway:
    """Installs the gateway into a cluster that has the definitions of the Gateway API."""

    client: Kubectl
    knative: bool

    def install(self) -> None:
        """Its rights, its pod, its GatewayClass and KServe's Gateway."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.client.apply([namespace, *self._rights(), self._deployment(), _metrics_service(), *_gateway()])

    def finish(self) -> None:
        """Wait until it serves the Gateway."""
        self.client.wait("Available", "deployment/traefik", f"--namespace={NAMESPACE}")
        self.client.wait("Programmed", f"gateway/{GATEWAY}", f"--namespace={KSERVE_NAMESPACE}")

    def _deployment(self) -> Manifest:
        container = {
            "name": "traefik",
            "image": "traefik:v3",
            "args": self._arguments(),
            "securityContext": {"runAsUser": 0},  # the port of the gateway is a privileged one
            "ports": [{"name": "web", "containerPort": GATEWAY_PORT}],
            "readinessProbe": {"httpGet": {"path": "/ping", "port": GATEWAY_METRICS_PORT}, "periodSeconds": 1},
        }
        pod = {"serviceAccountName": "traefik", "hostNetwork": True, "containers": [container]}
        labels = {"app": "traefik"}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "traefik", "namespace": NAMESPACE},
            "spec": {
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }

    def _arguments(self) -> list[str]:
        knative = [
            "--experimental.knative=true",
            "--providers.knative=true",
            "--providers.knative.publicEntrypoints=web",
            "--providers.knative.privateEntrypoints=web",
            f"--providers.knative.publicService.name={NAME}",
            f"--providers.knative.publicService.namespace={NAMESPACE}",
            f"--providers.knative.privateService.name={NAME}",
            f"--providers.knative.privateService.namespace={NAMESPACE}",
        ]
        return [
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
            f"--entryPoints.web.address={NODE_ADDRESS}:{GATEWAY_PORT}",
            f"--entryPoints.metrics.address={NODE_ADDRESS}:{GATEWAY_METRICS_PORT}",
            "--ping.entryPoint=metrics",
            "--metrics.prometheus.entryPoint=metrics",
            f"--metrics.prometheus.buckets={EDGES_SECONDS}",
            "--providers.providersThrottleDuration=100ms",
            "--providers.kubernetesGateway=true",
            f"--providers.kubernetesGateway.statusAddress.ip={NODE_ADDRESS}",
            # Longer than a predictor keeps an idle connection would make requests fail that are sent as it closes.
            "--serversTransport.forwardingTimeouts.idleConnTimeout=3s",
            *(knative if self.knative else ()),
        ]

    def _rights(self) -> list[Manifest]:
        rules = [
            _rule("", ["services", "secrets", "namespaces", "nodes", "pods", "configmaps"], READ),
            _rule("discovery.k8s.io", ["endpointslices"], READ),
            _rule("gateway.networking.k8s.io", ROUTES, READ),
            _rule("gateway.networking.k8s.io", [f"{route}/status" for route in ROUTES], ["update", "patch"]),
            _rule("networking.internal.knative.dev", ["ingresses", "serverlessservices"], READ),
            _rule("networking.internal.knative.dev", ["ingresses/status"], ["update", "patch"]),
        ]
        group, meta = "rbac.authorization.k8s.io", {"name": "traefik"}
        account = {"kind": "ServiceAccount", "name": "traefik", "namespace": NAMESPACE}
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": "traefik"}
        return [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**meta, "namespace": NAMESPACE}},
            {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
            {
                "apiVersion": f"{group}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": meta,
                "roleRef": reference,
                "subjects": [account],
            },
        ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _metrics_service() -> Manifest:
    ports = [{"name": "metrics", "port": GATEWAY_METRICS_PORT}, {"name": "web", "port": GATEWAY_PORT}]
    spec = {"selector": {"app": "traefik"}, "ports": ports}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "traefik", "namespace": NAMESPACE},
        "spec": spec,
    }


def _gateway() -> list[Manifest]:
    version = "gateway.networking.k8s.io/v1"
    everywhere = {"namespaces": {"from": "All"}}
    listener = {"name": "http", "protocol": "HTTP", "port": GATEWAY_PORT, "allowedRoutes": everywhere}
    return [
        {
            "apiVersion": version,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "traefik.io/gateway-controller"},
        },
        {
            "apiVersion": version,
            "kind": "Gateway",
            "metadata": {"name": GATEWAY, "namespace": KSERVE_NAMESPACE},
            "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
        },
    ]
