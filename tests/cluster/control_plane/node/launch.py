"""Turn a container's specification into a process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from lightkube.models.core_v1 import Container, LifecycleHandler, PodSecurityContext, PodSpec, SecurityContext

from tests.cluster.control_plane.node import probes
from tests.cluster.control_plane.node.api import ConfigurationMissing
from tests.cluster.control_plane.node.environment import command_of, environment_of
from tests.cluster.control_plane.node.filesystem import Mount, entry_script, image_mounts
from tests.cluster.control_plane.node.images import Image
from tests.cluster.control_plane.node.sandbox import as_user
from tests.cluster.control_plane.processes import OWNER

if TYPE_CHECKING:
    from tests.cluster.control_plane.node.container import Surroundings

# The last step before the program itself: what was the standard input until here is closed, by which it is seen to run.
WORKING_FOLDER = ("sh", "-c", 'cd "$1" && shift && exec "$@" </dev/null', "sh")


@dataclass(frozen=True)
class Launch:
    """A process that is ready to be started."""

    argv: Sequence[str]
    environment: dict[str, str]


async def prepare(container: Container, image: Image, around: "Surroundings") -> Launch:
    """Resolve everything that the container refers to. Raises ConfigurationMissing."""
    environment = await environment_of(container, image, around.pod, around.sandbox.address, around.api)
    mounts = [*image_mounts(image.files), Mount(around.hosts, "/etc/hosts")]
    mounts += around.volumes.mounts(container, environment)
    root = around.folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    assert around.pod.spec is not None
    user, group = _identity(container, around.pod.spec, image)
    context = container.securityContext
    script = entry_script(root, mounts, read_only=bool(context and context.readOnlyRootFilesystem))
    argv = (
        *around.sandbox.prefix,
        *("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script, "sh"),
        *as_user(user, group),
        *(*WORKING_FOLDER, container.workingDir or "/"),
        *command_of(container, image, environment),
    )
    return Launch(argv, {OWNER: str(around.records.parent), **environment})


async def start(launch: Launch, log: Path) -> asyncio.subprocess.Process:
    """Start the process with both outputs at the end of `log`; it has replaced what prepared it when this returns."""
    log.parent.mkdir(parents=True, exist_ok=True)
    ours, its = os.pipe()
    try:
        with log.open("ab") as output:
            os.fchmod(output.fileno(), 0o666)  # who opens /dev/stdout itself may be another user
            process = await asyncio.create_subprocess_exec(
                *launch.argv,
                stdin=its,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=launch.environment,
                start_new_session=True,
            )
    finally:
        os.close(its)
    try:
        await _closed(ours)
    except BaseException:
        kill_group(process.pid)
        raise
    return process


async def _closed(pipe: int) -> None:
    """Wait until nobody holds the other end of the pipe."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb"))
    try:
        await reader.read()
    finally:
        transport.close()


def enter(pid: int) -> tuple[str, ...]:
    """The command that runs another one beside a container's process."""
    return ("nsenter", f"--target={pid}", "--net", "--uts", "--mount", "--root", "--wd", "--")


async def run_hook(handler: LifecycleHandler, launch: Launch, container: Container, address: str, pid: int) -> None:
    """Run what a container wants to be done before it is ended; a failure changes nothing."""
    if handler.sleep:
        await asyncio.sleep(handler.sleep.seconds)
    elif handler.httpGet:
        with contextlib.suppress(OSError, httpx.HTTPError):
            await probes.http_get(handler.httpGet, probes.Target(container, address, ()))
    elif handler.exec:
        process = await asyncio.create_subprocess_exec(
            *enter(pid), *(handler.exec.command or ()), env=launch.environment
        )
        await process.wait()


def kill_group(pid: int) -> None:
    """Kill a process that leads a group, with everything that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _identity(container: Container, spec: PodSpec, image: Image) -> tuple[int, int]:
    own = container.securityContext or SecurityContext()
    shared = spec.securityContext or PodSecurityContext()
    user = _first(own.runAsUser, shared.runAsUser, image.user)
    group = _first(own.runAsGroup, shared.runAsGroup, 0)
    if user == 0 and _first(own.runAsNonRoot, shared.runAsNonRoot, 0):
        raise ConfigurationMissing("container has runAsNonRoot and image will run as root")
    return user, group


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
