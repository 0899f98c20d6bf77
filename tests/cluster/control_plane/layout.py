"""Where a test cluster keeps its files, and the addresses it uses inside its own network namespace."""

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("SERINUS_CLUSTER_CACHE") or REPOSITORY / ".cache" / "cluster")
MODULES = REPOSITORY / "tests" / "cluster" / "modules"

# Every cluster has a network namespace of its own, so all clusters use the same addresses.
NODE_ADDRESS = "10.99.0.1"
FAKE_NODE_ADDRESS = "10.99.0.2"
SERVICE_CIDR = "10.96.0.0/16"
API_ADDRESS = "10.96.0.1"
API_PORT = 443
POD_CIDR = "10.244.0.0/16"
FAKE_POD_CIDR = "10.245.0.0/16"
GATEWAY_PORT = 80
GATEWAY_METRICS_PORT = 9100
KUBELET_PORT = 10250

NODE_NAME = "node-0"
NODE_SELECTOR_LABEL = "serinus.test/node"
CONTEXT_PREFIX = "serinus-test-"


@dataclass(frozen=True)
class Layout:
    """The files of one cluster."""

    name: str

    @property
    def folder(self) -> Path:
        """Everything that `down` removes."""
        return CACHE / "clusters" / self.name

    @property
    def context(self) -> str:
        """The name of the cluster and of its context in a kubeconfig."""
        return f"{CONTEXT_PREFIX}{self.name}"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.folder / "pki"

    @property
    def logs(self) -> Path:
        """One log for each process of the control plane."""
        return self.folder / "logs"

    @property
    def records(self) -> Path:
        """One file for each process that has to be stopped."""
        return self.folder / "processes"

    @property
    def pods(self) -> Path:
        """Volumes and logs of pods."""
        return self.folder / "pods"

    @property
    def images(self) -> Path:
        """What stands for which container image; read anew for each container."""
        return self.folder / "images.json"

    @property
    def hosts(self) -> Path:
        """The names of all Services, as pods see them in /etc/hosts."""
        return self.folder / "hosts"

    @property
    def facts(self) -> Path:
        """What this cluster is: its id, its ports, its namespace."""
        return self.folder / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """For people and tests: reaches the API server from outside of the namespace."""
        return self.folder / "kubeconfig"

    def kubeconfig_of(self, user: str) -> Path:
        """For a process inside the namespace."""
        return self.folder / f"{user}.kubeconfig"
