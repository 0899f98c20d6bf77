"""One container of a pod: a process that is started, probed, started again with back-off, and ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from lightkube.models.core_v1 import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
)
from lightkube.resources.core_v1 import Pod

from tests.cluster.control_plane.node import launch, probes
from tests.cluster.control_plane.node.api import Api, ConfigurationMissing
from tests.cluster.control_plane.node.images import find_image
from tests.cluster.control_plane.node.launch import Launch
from tests.cluster.control_plane.node.sandbox import Sandbox
from tests.cluster.control_plane.node.volumes import Volumes
from tests.cluster.control_plane.processes import Record, forget, write_record

# A kubelet waits 10 s to 300 s between crashes, which tests have no time for.
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 10.0
HEALTHY_SECONDS = 30.0
RETRY_SECONDS = 1.0
MESSAGE_BYTES = 2048


@dataclass(frozen=True)
class Surroundings:
    """What the containers of a pod have in common. `folder`: of this pod on this machine."""

    pod: Pod
    sandbox: Sandbox
    volumes: Volumes
    api: Api
    images: Path
    hosts: Path
    folder: Path
    records: Path


class RunningContainer:
    """Keeps one container as its pod wants it. `changed` is called when what it says of itself has changed."""

    def __init__(self, container: Container, around: Surroundings, changed: Callable[[], None]) -> None:
        self.container = container
        self.state = _waiting("PodInitializing")
        self.last_state: ContainerStateTerminated | None = None
        self.restarts = 0
        self.started = self.ready = False
        self.has_started = asyncio.Event()
        self._around, self._changed = around, changed
        self._process: asyncio.subprocess.Process | None = None
        self._launch: Launch | None = None
        self._stopping = False
        self._delay = FIRST_DELAY_SECONDS

    @property
    def log(self) -> Path:
        """Both outputs of all of its runs."""
        return self._around.folder / "logs" / f"{self.container.name}.log"

    async def run(self, again: Callable[[int], bool]) -> int:
        """Run until `again` says of an exit code that it was the last; returns that code."""
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._run_once()
            if self._stopping or not again(code):
                return code
            await self._back_off(asyncio.get_running_loop().time() - began)

    async def stop(self, grace_seconds: float) -> None:
        """End it: first asked by its preStop hook and SIGTERM, then made to."""
        self._stopping = True
        if self._process is not None:
            await self._end(self._process, grace_seconds)

    async def _run_once(self) -> int:
        self._launch = await self._prepared()
        self._process = process = await launch.start(self._launch, self.log)
        record = self._record(process.pid)
        started_at = datetime.now(UTC)
        self.state = ContainerState(running=ContainerStateRunning(startedAt=started_at))
        self._note(started=self.container.startupProbe is None, ready=False)
        probing = [asyncio.create_task(work) for work in self._probing()]
        try:
            code = await process.wait()
        finally:
            for task in probing:
                task.cancel()
        self._process = None
        launch.kill_group(process.pid)  # what a container leaves behind ends with it
        if record:
            forget(self._around.records, record)
        self._bury(code, started_at)
        return code

    async def _prepared(self) -> Launch:
        """Wait for the image and for everything that the container refers to."""
        reason = "ErrImagePull"
        while True:
            image = find_image(self._around.images, self.container.image or "")
            if image is None:
                self._wait_for(reason, f'image "{self.container.image}" is not known to the test cluster')
                reason = "ImagePullBackOff"
            else:
                try:
                    return await launch.prepare(self.container, image, self._around)
                except ConfigurationMissing as missing:
                    self._wait_for("CreateContainerConfigError", str(missing))
            await asyncio.sleep(RETRY_SECONDS)

    def _record(self, pid: int) -> Record | None:
        metadata = self._around.pod.metadata
        assert metadata is not None
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already
            return write_record(self._around.records, f"pod-{metadata.name}-{self.container.name}-{metadata.uid}", pid)
        return None

    def _probing(self) -> Iterator[Coroutine[Any, Any, None]]:
        assert self._process is not None
        assert self._launch is not None
        target = probes.Target(self.container, self._around.sandbox.address, launch.enter(self._process.pid))
        alive = self._kill_unless(self._process, "liveness")
        if probe := self.container.startupProbe:
            check = probes.check_of(probe, target)
            yield probes.watch(probe, check, self._on_startup(self._kill_unless(self._process, "startup")))
        if probe := self.container.livenessProbe:
            yield self._when_started(probes.watch(probe, probes.check_of(probe, target), alive))
        if probe := self.container.readinessProbe:
            check = probes.check_of(probe, target)
            yield self._when_started(probes.watch(probe, check, lambda ready: self._note(ready=ready)))
        else:
            yield self._when_started(self._ready_at_once())

    def _on_startup(self, failed: Callable[[bool], None]) -> Callable[[bool], None]:
        def changed(started: bool) -> None:
            if started:
                self._note(started=True)
            elif not self.started:
                failed(False)

        return changed

    async def _when_started(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self.has_started.wait()
            await work
        finally:
            work.close()

    async def _ready_at_once(self) -> None:
        self._note(ready=True)

    def _kill_unless(self, process: asyncio.subprocess.Process, what: str) -> Callable[[bool], None]:
        """A probe that fails often enough ends the container, which is then started again."""
        ending: list[asyncio.Task[None]] = []

        def changed(good: bool) -> None:
            if not good and not ending:
                with self.log.open("a") as log:
                    log.write(f"[test cluster] the {what} probe has failed; the container is ended\n")
                ending.append(asyncio.create_task(self._end(process, self._grace_seconds())))

        return changed

    async def _end(self, process: asyncio.subprocess.Process, grace_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._pre_stop(process)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                await process.wait()
        launch.kill_group(process.pid)
        await process.wait()

    async def _pre_stop(self, process: asyncio.subprocess.Process) -> None:
        hook = self.container.lifecycle.preStop if self.container.lifecycle else None
        if hook and self._launch and process.returncode is None:
            await launch.run_hook(hook, self._launch, self.container, self._around.sandbox.address, process.pid)

    def _grace_seconds(self) -> float:
        spec = self._around.pod.spec
        assert spec is not None
        return 30.0 if spec.terminationGracePeriodSeconds is None else float(spec.terminationGracePeriodSeconds)

    async def _back_off(self, ran_seconds: float) -> None:
        if ran_seconds > HEALTHY_SECONDS:
            self._delay = FIRST_DELAY_SECONDS
        self.last_state = self.state.terminated
        code = self.last_state.exitCode if self.last_state else 0
        self._wait_for("CrashLoopBackOff", f"starting again in {self._delay:.0f} s; the last exit code was {code}")
        await asyncio.sleep(self._delay)
        self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)
        self.restarts += 1

    def _bury(self, code: int, started_at: datetime) -> None:
        number = 128 - code if code < 0 else code  # as a shell tells a signal
        self.state = ContainerState(
            terminated=ContainerStateTerminated(
                exitCode=number,
                reason="Completed" if number == 0 else "Error",
                message=None if number == 0 else self._last_words(),
                startedAt=started_at,
                finishedAt=datetime.now(UTC),
            )
        )
        self.has_started.clear()
        self._note(started=False, ready=False)

    def _last_words(self) -> str | None:
        if self.container.terminationMessagePolicy != "FallbackToLogsOnError":
            return None
        with self.log.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - MESSAGE_BYTES))
            return log.read().decode(errors="replace")

    def _wait_for(self, reason: str, message: str) -> None:
        self.state = _waiting(reason, message)
        self._changed()

    def _note(self, *, started: bool | None = None, ready: bool | None = None) -> None:
        before = (self.started, self.ready, self.state)
        self.started = self.started if started is None else started
        self.ready = self.ready if ready is None else ready
        if self.started and self._process is not None:
            self.has_started.set()
        if before != (self.started, self.ready, self.state) or not self.ready:
            self._changed()


def _waiting(reason: str, message: str | None = None) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason, message=message))
