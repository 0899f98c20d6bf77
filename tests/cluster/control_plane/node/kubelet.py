"""The node: registers itself, keeps its lease, and runs every pod that is bound to it."""

import asyncio
from datetime import UTC, datetime

import httpx2
from lightkube.core.exceptions import ApiError
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.core_v1 import DaemonEndpoint, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Node as NodeObject
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from tests.cluster.control_plane.layout import KUBELET_PORT, NODE_ADDRESS, NODE_NAME, NODE_SELECTOR_LABEL, Layout
from tests.cluster.control_plane.node import logs
from tests.cluster.control_plane.node.api import Api
from tests.cluster.control_plane.node.pod import Node, RunningPod
from tests.cluster.control_plane.node.sandbox import number_of
from tests.cluster.control_plane.node.watching import RETRY_SECONDS, follow
from tests.cluster.control_plane.processes import read_records, stop_all

HEARTBEAT_SECONDS = 10.0
LEASES = "kube-node-lease"
# What the scheduler may give away; requests are not enforced.
CAPACITY = {"cpu": "256", "memory": "1Ti", "pods": "1000", "ephemeral-storage": "1Ti"}
CONDITIONS = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False"}
MOST_PODS = 60_000


class Kubelet:
    """Runs the pods of one node until it is ended; then ends them."""

    def __init__(self, layout: Layout) -> None:
        self._node = Node(layout, Api.of(layout.kubeconfig_of("kubelet")))
        self._pods: dict[str, RunningPod] = {}
        self._number = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        self._end_leftovers()
        self._number = await self._highest_number()
        server = await logs.serve(self._node.layout, self._find)
        try:
            await asyncio.gather(self._beat(), self._follow())
        finally:
            await asyncio.gather(*(pod.end(0, gone=True) for pod in self._pods.values()))
            await server.cleanup()

    def _end_leftovers(self) -> None:
        """A kubelet that was killed leaves its containers behind; they are started again."""
        folder = self._node.layout.records
        stop_all(folder, [record for record in read_records(folder) if record.name.startswith("pod-")], 1)

    async def _highest_number(self) -> int:
        """A pod keeps its address when the kubelet is started again, and no other may take it."""
        while True:
            try:
                found = self._node.api.client.list(Pod, namespace="*", fields={"spec.nodeName": NODE_NAME})
                return max([_number_of(pod) async for pod in found], default=0)
            except (ApiError, httpx2.HTTPError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        async for change in follow(self._node.api.client, Pod, {"spec.nodeName": NODE_NAME}):
            self._note(change.object, gone=change.gone)

    def _note(self, pod: Pod, *, gone: bool) -> None:
        assert pod.metadata is not None
        uid = str(pod.metadata.uid)
        running = self._pods.get(uid)
        if running is None:
            if gone or (_is_over(pod) and pod.metadata.deletionTimestamp is None):
                return
            number = _number_of(pod) or self._next_number()
            running = self._pods[uid] = RunningPod(pod, self._node, number)
        if gone:
            running.end(0, gone=True)
            self._pods.pop(uid, None)
        elif pod.metadata.deletionTimestamp is not None:
            grace = pod.metadata.deletionGracePeriodSeconds
            running.end(30.0 if grace is None else float(grace))

    def _next_number(self) -> int:
        taken = {pod.number for pod in self._pods.values()}
        while True:
            self._number = self._number % MOST_PODS + 1
            if self._number not in taken:
                return self._number

    def _find(self, namespace: str, name: str) -> RunningPod | None:
        found = (pod for pod in self._pods.values() if (pod.namespace, pod.name) == (namespace, name))
        return next(found, None)

    async def _beat(self) -> None:
        registered = False
        while True:
            try:
                if not registered:
                    await self._register()
                    registered = True
                await self._renew()
            except (ApiError, httpx2.HTTPError) as error:
                print(f"the API server does not answer: {error}", flush=True)
                await asyncio.sleep(1)
                continue
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _register(self) -> None:
        labels = {NODE_SELECTOR_LABEL: "real", "kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"}
        node = NodeObject(metadata=ObjectMeta(name=NODE_NAME, labels=labels))
        await self._node.api.client.apply(node, force=True)
        body = {"status": _node_status().to_dict()}
        await self._node.api.client.patch(NodeObject.Status, NODE_NAME, body, patch_type=PatchType.STRATEGIC)

    async def _renew(self) -> None:
        spec = LeaseSpec(holderIdentity=NODE_NAME, leaseDurationSeconds=40, renewTime=datetime.now(UTC))
        lease = Lease(metadata=ObjectMeta(name=NODE_NAME, namespace=LEASES), spec=spec)
        await self._node.api.client.apply(lease, force=True)


def _is_over(pod: Pod) -> bool:
    return pod.status is not None and pod.status.phase in ("Succeeded", "Failed")


def _number_of(pod: Pod) -> int:
    return number_of(pod.status.podIP) if pod.status else 0


def _node_status() -> NodeStatus:
    now = datetime.now(UTC)
    return NodeStatus(
        addresses=[
            NodeAddress(type="InternalIP", address=NODE_ADDRESS),
            NodeAddress(type="Hostname", address=NODE_NAME),
        ],
        capacity=CAPACITY,
        allocatable=CAPACITY,
        conditions=[
            NodeCondition(type=kind, status=status, reason="KubeletRuns", lastHeartbeatTime=now, lastTransitionTime=now)
            for kind, status in CONDITIONS.items()
        ],
        daemonEndpoints=NodeDaemonEndpoints(kubeletEndpoint=DaemonEndpoint(Port=KUBELET_PORT)),
    )
