"""Serinus as its chart installs it, operator and collector as pods with the chart's rights, and one namespace of models."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.cluster.chart import NAMESPACE, Chart
from tests.cluster.control_plane import forward
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.loop.clients import Clients, sending
from tests.cluster.operating.namespace import Namespace
from tests.local.support.models import rows, save_linear

DOMAIN: Final = "models.example.org"
SETTINGS: Final = (
    "replicaCount=1",
    "settings.gateway=kserve/kserve-ingress-gateway",
    f"settings.domain={DOMAIN}",
    "settings.gatewayMetricsUrl=http://traefik.traefik:9100/metrics",
    "settings.drainSeconds=1",
    "collector.enabled=true",
    "collector.persistence.size=1Gi",
    "collector.token.existingSecret.name=serinus-collector",
)
COLLECTOR_PORT: Final = 8090
OPERATOR_PORT: Final = 8080
PER_SECOND: Final = 60.0
ROWS: Final = 2000


class Loop:
    """The installed release. `folder`: what its pods keep, and models."""

    def __init__(self, cluster: Cluster, look: Look, folder: Path) -> None:
        self.cluster, self.look, self.folder = cluster, look, folder
        self.chart = Chart.of(cluster)
        self._reached: dict[str, str] = {}
        look.core.create_namespace({"metadata": {"name": NAMESPACE}})
        self.give_token("serinus-collector", "what-only-the-operator-is-told")

    def install(self, *settings: str) -> None:
        """Install or upgrade, and wait until operator and collector are up."""
        self.chart.install("--wait", *_set(*SETTINGS, *settings))

    def give_token(self, name: str, token: str) -> None:
        """A Secret of that name beside the release."""
        secret = {"metadata": {"name": name}, "stringData": {"token": token}}
        self.look.core.create_namespaced_secret(NAMESPACE, secret)

    def keep(self, name: str, folder: Path) -> None:
        """A volume of this machine, for the next claim that fits."""
        folder.mkdir()
        folder.chmod(0o777)
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": str(folder)},
            "persistentVolumeReclaimPolicy": "Retain",
        }
        self.look.core.create_persistent_volume({"metadata": {"name": name}, "spec": spec})

    @property
    def collector(self) -> str:
        """Its address, from outside of the cluster's network."""
        return self.reach("serinus-collector", COLLECTOR_PORT)

    def reach(self, service: str, port: int = OPERATOR_PORT) -> str:
        """Where a Service of the release is reached from outside."""
        if service not in self._reached:
            address = self.look.core.read_namespaced_service(service, NAMESPACE).spec.cluster_ip
            _, ports = forward.start(self.cluster.starter, {service: (address, port)}, f"forward-{service}")
            self._reached[service] = f"http://127.0.0.1:{ports[service]}"
        return self._reached[service]

    def counted(self, metric: str, **labels: str) -> float:
        """The sum of the collector's series of that name and those labels."""
        page = httpx.get(f"{self.collector}/metrics", trust_env=False).text
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = [line for line in page.splitlines() if line.startswith(f"{metric}{{")]
        return sum(float(line.split()[-1]) for line in lines if all(one in line for one in wanted))


class Models(Namespace):
    """A namespace whose deployments are judged on labels. Versions are models that have learned more or less."""

    def __init__(self, loop: Loop, namespace: str) -> None:
        super().__init__(loop.cluster, loop.look, namespace, loop.folder)
        self.loop = loop

    def save(self, version: str, strength: float, distance: float = 1.0) -> Path:
        """The folder of a model; for the numbers see there."""
        where = self.folder / self.namespace
        where.mkdir(exist_ok=True)
        return save_linear(where, version, strength, distance)

    @contextmanager
    def clients(self, name: str) -> Iterator[Clients]:
        """Clients of a deployment that serves, and their labels, while the block lasts."""
        url = f"{self.cluster.gateway_url}/v1/models/{name}:predict"
        host, deployment = f"{name}.{self.namespace}.{DOMAIN}", f"{self.namespace}/{name}"
        made = Clients(url, host, self.loop.collector, deployment, rows(ROWS, seed=11))
        answers = lambda: self._answers(url, host, made.rows[0])  # noqa: E731
        eventually(answers, "the gateway leads to the model")
        with sending(made, PER_SECOND):
            yield made

    def _answers(self, url: str, host: str, row: dict[str, Any]) -> bool:
        answer = httpx.post(url, headers={"Host": host}, json={"instances": [row]}, trust_env=False)
        return answer.is_success


def _set(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]
