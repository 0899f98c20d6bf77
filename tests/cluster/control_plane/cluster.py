"""A test cluster as a whole: up, down, and what others may ask of it."""

import json
import os
import shutil
import subprocess
import time
import traceback
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from tests.cluster.control_plane import builds, forward, kserve, kubeconfigs, layout, network
from tests.cluster.control_plane import knative as knative_serving
from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.gateway import TraefikGateway
from tests.cluster.control_plane.kserve import KServe
from tests.cluster.control_plane.kubernetes import ControlPlane
from tests.cluster.control_plane.kwok import Kwok
from tests.cluster.control_plane.layout import Layout
from tests.cluster.control_plane.nodes import RealNode
from tests.cluster.control_plane.processes import Record, Starter, read_records, stop_all, unrecorded

# What is stopped first still needs what is stopped last; what is not named here comes before all of them.
STOPPED_LAST = (("kwok", "kube-scheduler", "kube-controller-manager"), ("kube-apiserver",), ("etcd",), ("namespace",))
IDENTITY = "serinus-test-cluster"


class Part(Protocol):
    """What is installed into the cluster as pods: all parts start at the same time."""

    def install(self) -> None:
        """Make its objects."""

    def finish(self) -> None:
        """Wait for it, and do what needs it."""


@dataclass(frozen=True)
class Facts:
    """What is told apart by: `id` is also written into the cluster, so that a test can see that it is the right one."""

    id: str
    holder: int
    ports: Mapping[str, int]
    knative: bool


@dataclass(frozen=True)
class Cluster:
    """One cluster, by name. Two of different names know nothing of each other."""

    layout: Layout

    @classmethod
    def named(cls, name: str) -> "Cluster":
        """The cluster of that name, whether it is up or not."""
        return cls(Layout(name))

    @property
    def facts(self) -> Facts:
        """Raises ClusterError when the cluster is not up."""
        try:
            return Facts(**json.loads(self.layout.facts.read_text()))
        except FileNotFoundError:
            raise ClusterError(f"the cluster {self.layout.name} is not up; start it with `make cluster`") from None

    @property
    def kubeconfig(self) -> Path:
        """For people and tests outside of the namespace."""
        return self.layout.kubeconfig

    @property
    def gateway_url(self) -> str:
        """Where the gateway is reached from outside of the namespace; the Host header says for which service."""
        return f"http://127.0.0.1:{self.facts.ports['gateway']}"

    @property
    def gateway_metrics_url(self) -> str:
        """The gateway's metrics, from outside of the namespace."""
        return f"http://127.0.0.1:{self.facts.ports['gateway-metrics']}/metrics"

    @property
    def prefix(self) -> Sequence[str]:
        """The command that runs another one inside of the namespace."""
        return network.enter(self.facts.holder)

    @property
    def starter(self) -> Starter:
        """Starts processes inside of the namespace, which `down` ends."""
        return Starter(self.layout.records, self.layout.logs, self.prefix)

    def kubectl(self) -> Kubectl:
        """kubectl as administrator, inside of the namespace."""
        return Kubectl(self.layout.kubeconfig_of("admin"), self.prefix)

    def status(self) -> list[tuple[Record, bool, int]]:
        """Every recorded process, whether it runs, and its resident memory in bytes."""
        found = [(record, record.process()) for record in read_records(self.layout.records)]
        return [(record, process is not None, process.memory_info().rss if process else 0) for record, process in found]

    def stop(self, *names: str, seconds: float = 10) -> None:
        """End some of its processes, by name."""
        chosen = [record for record in read_records(self.layout.records) if record.name in names]
        stop_all(self.layout.records, chosen, seconds)

    def start_api_server(self) -> None:
        """Start the API server again after it was stopped, and wait until it is ready."""
        ControlPlane(self.layout, self.starter).start_server(self.kubectl())

    def exec(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Run a command inside of the namespace with KUBECONFIG set, and wait for it; returns its exit code."""
        own = {
            "KUBECONFIG": str(self.layout.kubeconfig_of("admin")),
            "KUBECACHEDIR": str(self.layout.folder / "kubectl-cache"),
        }
        everything = {**os.environ, **own, **(environment or {})}
        return subprocess.run([*self.prefix, *argv], env=everything, check=False).returncode


def up(name: str, *, serving: bool = True, knative: bool = False, fake_nodes: int = 2, keep: bool = False) -> Cluster:
    """Build what is missing, then start a cluster. Raises ClusterError; what was started is then stopped again.

    Without `serving` there is neither KServe nor a gateway, and it is up in half the time.
    `keep`: a cluster whose start has failed is left as it is, to be looked at.
    """
    network.require_tools()
    cluster = Cluster.named(name)
    require_none(cluster)
    builds.build((*builds.STANDARD, *(builds.KNATIVE if knative else ())))
    try:
        _start(cluster, serving=serving, knative=knative, fake_nodes=fake_nodes)
    except BaseException:
        cluster.layout.logs.mkdir(parents=True, exist_ok=True)
        (cluster.layout.logs / "up.log").write_text(traceback.format_exc())
        if not keep:
            down(name, keep_logs=True)
        raise
    return cluster


def require_none(cluster: Cluster) -> None:
    """Raises ClusterError where the cluster is up, or something is left of it."""
    if cluster.layout.folder.exists():
        name = cluster.layout.name
        remove = f'make cluster-down ARGS="--name {name}"'
        raise ClusterError(f"there is a cluster {name} already, or what is left of one; remove it with `{remove}`")


def _start(cluster: Cluster, *, serving: bool, knative: bool, fake_nodes: int) -> None:
    files = cluster.layout
    files.folder.mkdir(parents=True)
    holder = network.create(files.records, files.logs)
    starter = Starter(files.records, files.logs, network.enter(holder.pid))
    control_plane = ControlPlane(files, starter)
    control_plane.prepare()
    ports = _forward(starter)
    facts = Facts(uuid.uuid4().hex, holder.pid, ports, knative)
    files.facts.write_text(json.dumps(asdict(facts)))
    kubeconfigs.write_outside(files, ports["api"])
    client = cluster.kubectl()
    control_plane.start_api_server(client)
    _identify(client, facts)
    control_plane.start_controllers()
    kwok = Kwok(files, starter)
    kwok.start()
    kwok.add_nodes(client, fake_nodes)
    node = RealNode(files, starter)
    node.start()
    if serving:
        _install(cluster, client, knative=knative)
    node.wait(client)


def _install(cluster: Cluster, client: Kubectl, *, knative: bool) -> None:
    definitions = [*kserve.gateway_definitions(), *kserve.definitions()]
    parts: list[Part] = [KServe(cluster.layout, client), TraefikGateway(client, knative=knative)]
    if knative:
        definitions += knative_serving.definitions()
        parts.insert(0, knative_serving.Knative(client))
    client.define(definitions)
    for part in parts:
        part.install()
    for part in parts:
        part.finish()


def _forward(starter: Starter) -> dict[str, int]:
    targets = {
        "api": (layout.API_ADDRESS, layout.API_PORT),
        "gateway": (layout.NODE_ADDRESS, layout.GATEWAY_PORT),
        "gateway-metrics": (layout.NODE_ADDRESS, layout.GATEWAY_METRICS_PORT),
    }
    return forward.start(starter, targets)[1]


def _identify(client: Kubectl, facts: Facts) -> None:
    metadata = {"name": IDENTITY, "namespace": "kube-system"}
    client.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"id": facts.id}}])


def down(name: str, *, keep_logs: bool = False) -> None:
    """End every process of a cluster, whether its start was finished or not, and remove its files."""
    files = Layout(name)
    for group in _in_order(read_records(files.records)):
        stop_all(files.records, group)
    stop_all(files.records, unrecorded(files.folder))
    if keep_logs and files.logs.exists():
        print(f"The logs are in {_keep_logs(files)}", flush=True)
    shutil.rmtree(files.folder, ignore_errors=True)


def _keep_logs(files: Layout) -> Path:
    kept = layout.CACHE / "failed" / f"{files.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    files.logs.rename(kept)
    for folder in files.pods.glob("*/logs"):
        shutil.copytree(folder, kept / folder.parent.name)
    return kept


def _in_order(records: Iterable[Record]) -> list[list[Record]]:
    remaining = list(records)
    last = []
    for names in STOPPED_LAST:
        last.append([record for record in remaining if record.name in names])
        remaining = [record for record in remaining if record.name not in names]
    return [remaining, *last]
