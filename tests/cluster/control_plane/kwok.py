"""KWOK: nodes whose pods are only told to run, for tests of many objects."""

from dataclasses import dataclass

import yaml

from tests.cluster.control_plane import builds
from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.layout import (
    FAKE_NODE_ADDRESS,
    FAKE_POD_CIDR,
    NODE_SELECTOR_LABEL,
    Layout,
)
from tests.cluster.control_plane.manifests import Manifest
from tests.cluster.control_plane.processes import Record, Starter
from tests.cluster.control_plane.stages import all_stages

FAKE = {NODE_SELECTOR_LABEL: "fake"}
# What a namespace bears whose pods are only told to run.
FAKE_NAMESPACE_ANNOTATION = {"scheduler.alpha.kubernetes.io/node-selector": f"{NODE_SELECTOR_LABEL}=fake"}


@dataclass(frozen=True)
class Kwok:
    """Starts KWOK and its nodes."""

    layout: Layout
    starter: Starter

    def start(self) -> Record:
        """It writes nothing but leases of its own nodes, and the statuses of them and of their pods."""
        stages = self.layout.folder / "stages.yaml"
        stages.write_text(yaml.safe_dump_all(all_stages()))
        arguments = [
            f"--kubeconfig={self.layout.kubeconfig_of('admin')}",
            f"--manage-nodes-with-label-selector={NODE_SELECTOR_LABEL}=fake",
            f"--cidr={FAKE_POD_CIDR}",
            f"--node-ip={FAKE_NODE_ADDRESS}",
            "--node-lease-duration-seconds=40",
            f"--config={stages}",
        ]
        return self.starter.start("kwok", [builds.KWOK.path, *arguments])

    def add_nodes(self, client: Kubectl, count: int) -> None:
        """Nodes named fake-0, fake-1 and so on."""
        client.apply([_node(f"fake-{number}") for number in range(count)])


def _node(name: str) -> Manifest:
    labels = {**FAKE, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
