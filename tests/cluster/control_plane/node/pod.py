"""One pod: its network, its volumes, its containers in their order, and the status that says how they are."""

import asyncio
import contextlib
import shutil
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodStatus
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from tests.cluster.control_plane.layout import Layout
from tests.cluster.control_plane.node.api import Api, ConfigurationMissing
from tests.cluster.control_plane.node.container import RETRY_SECONDS, RunningContainer, Surroundings
from tests.cluster.control_plane.node.sandbox import Sandbox, SandboxFailed, host_network, make_sandbox
from tests.cluster.control_plane.node.status import pod_status
from tests.cluster.control_plane.node.volumes import Volumes
from tests.cluster.control_plane.processes import stop_all


@dataclass(frozen=True)
class Node:
    """What all pods of the node share."""

    layout: Layout
    api: Api


class RunningPod:
    """Runs one pod until its object is gone."""

    def __init__(self, pod: Pod, node: Node, number: int) -> None:
        assert pod.metadata is not None
        assert pod.spec is not None
        self.pod, self.number = pod, number
        self.name, self.namespace = str(pod.metadata.name), str(pod.metadata.namespace)
        self.uid, self._spec = str(pod.metadata.uid), pod.spec
        self._node = node
        self._sandbox: Sandbox | None = None
        self._beginning: list[RunningContainer] = []
        self._main: list[RunningContainer] = []
        self._started_at, self._status = datetime.now(UTC), PodStatus()
        self._changed = asyncio.Event()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._tell())]
        for task in self._tasks:
            task.add_done_callback(self._note_end)
        self._ending: asyncio.Task[None] | None = None

    @property
    def folder(self) -> Path:
        """Volumes and logs."""
        return self._node.layout.pods / f"{self.namespace}_{self.name}_{self.uid}"

    def end(self, grace_seconds: float, *, gone: bool = False) -> "asyncio.Task[None]":
        """Begin to end the pod, once. `gone`: there is no object any more to be told."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_seconds, gone=gone))
        return self._ending

    def log_of(self, container: str) -> Path:
        """The log of one of its containers."""
        return self.folder / "logs" / f"{container}.log"

    async def _run(self) -> None:
        around = await self._surroundings()
        for container in self._spec.initContainers or ():
            running = self._add(container, around, self._beginning)
            if container.restartPolicy == "Always":
                self._tasks.append(asyncio.create_task(_run_on(running)))
                await running.has_started.wait()
            elif await running.run(lambda code: code != 0 and self._spec.restartPolicy != "Never"):
                return
        for container in self._spec.containers:
            self._add(container, around, self._main)
        await asyncio.gather(*(one.run(self._again) for one in self._main))
        await asyncio.gather(*(one.stop(2) for one in self._beginning))

    def _again(self, code: int) -> bool:
        return (self._spec.restartPolicy or "Always") == "Always" or (
            self._spec.restartPolicy == "OnFailure" and code != 0
        )

    def _add(self, container: Container, around: Surroundings, group: list[RunningContainer]) -> RunningContainer:
        running = RunningContainer(container, around, self._changed.set)
        group.append(running)
        self._changed.set()
        return running

    async def _surroundings(self) -> Surroundings:
        self._changed.set()
        self._sandbox = sandbox = await self._retried(self._make_sandbox)
        self._changed.set()
        volumes = Volumes(self.folder / "volumes", self.pod, sandbox.address, self._node.api)
        await self._retried(volumes.make)
        files = self._node.layout
        return Surroundings(
            pod=self.pod,
            sandbox=sandbox,
            volumes=volumes,
            api=self._node.api,
            images=files.images,
            hosts=files.hosts,
            folder=self.folder,
            records=files.records,
        )

    async def _make_sandbox(self) -> Sandbox:
        if self._spec.hostNetwork:
            return host_network()
        records, hostname = self._node.layout.records, self._spec.hostname or self.name[:63]
        return await make_sandbox(records, f"pod-{self.name}-sandbox-{self.uid}", hostname, self.number)

    async def _retried(self, work: "Callable[[], Coroutine[Any, Any, Any]]") -> Any:
        """Do it until it succeeds: what a pod refers to may be made after the pod."""
        while True:
            try:
                return await work()
            except (ConfigurationMissing, SandboxFailed, ApiError, httpx2.HTTPError) as error:
                self._say(f"{type(error).__name__}: {error}")
            await asyncio.sleep(RETRY_SECONDS)

    def _say(self, what: str) -> None:
        print(f"{datetime.now(UTC):%H:%M:%S} {self.namespace}/{self.name}: {what}", flush=True)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        """Nobody awaits the tasks, so an error that was not foreseen is told here."""
        if not task.cancelled() and (error := task.exception()):
            self._say("".join(traceback.format_exception(error)))

    async def _tell(self) -> None:
        """Write the status whenever it has changed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            status = self._now()
            if status == self._status:
                continue
            try:
                await self._write(status)
                self._status = status
            except ApiError as error:
                if error.status.code in (httpx2.codes.NOT_FOUND, httpx2.codes.CONFLICT):
                    return
                self._say(f"the status was refused: {error.status.message}")
                await self._later()
            except httpx2.HTTPError:
                await self._later()

    async def _later(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        self._changed.set()

    def _now(self) -> PodStatus:
        address = self._sandbox.address if self._sandbox else None
        return pod_status(
            self._spec, address, self._started_at, beginning=self._beginning, main=self._main, before=self._status
        )

    async def _write(self, status: PodStatus) -> None:
        body = {"metadata": {"uid": self.uid}, "status": status.to_dict()}
        await self._node.api.client.patch(
            Pod.Status, self.name, body, namespace=self.namespace, patch_type=PatchType.STRATEGIC
        )

    async def _end(self, grace_seconds: float, *, gone: bool) -> None:
        await asyncio.gather(*(one.stop(grace_seconds) for one in self._main))
        await asyncio.gather(*(one.stop(2) for one in self._beginning))
        for task in self._tasks:
            task.cancel()
        if self._sandbox and self._sandbox.holder:
            await asyncio.to_thread(stop_all, self._node.layout.records, [self._sandbox.holder], 1)
        if not gone:
            await self._delete()
        shutil.rmtree(self.folder / "volumes", ignore_errors=True)

    async def _delete(self) -> None:
        """The API server keeps a deleted pod until its node says that nothing of it runs any more."""
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                try:
                    await self._node.api.client.delete(Pod, self.name, namespace=self.namespace, grace_period=0)
                    return
                except ApiError as error:
                    if error.status.code == httpx2.codes.NOT_FOUND:
                        return
                    self._say(f"the pod could not be removed: {error.status.message}")
            await asyncio.sleep(RETRY_SECONDS)


async def _run_on(sidecar: RunningContainer) -> None:
    await sidecar.run(lambda _: True)
