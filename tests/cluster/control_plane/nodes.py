"""Starts the node whose pods really run: its kubelet, and what connects Services to pods."""

import sys
from dataclasses import dataclass

from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.layout import NODE_NAME, REPOSITORY, Layout
from tests.cluster.control_plane.node.images import default_images, write_images
from tests.cluster.control_plane.processes import Record, Starter

PACKAGE = "tests.cluster.control_plane.node"


@dataclass(frozen=True)
class RealNode:
    """The processes of the node."""

    layout: Layout
    starter: Starter

    def start(self) -> None:
        """Make the images known and start both parts."""
        write_images(self.layout.images, default_images())
        self.start_part("proxy")
        self.start_part("kubelet")

    def start_part(self, part: str) -> Record:
        """`kubelet` or `proxy`."""
        argv = [sys.executable, "-m", PACKAGE, part, self.layout.name]
        return self.starter.start(part, argv, folder=REPOSITORY)

    def wait(self, client: Kubectl) -> None:
        """Until the scheduler may use the node."""
        client.wait("Ready", f"node/{NODE_NAME}", seconds=30)
