"""The real backend with stub predictors, for tests."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path

from serinus.core.plan import HeaderMatch, Role, ServedRevision, ServingPlan
from serinus.core.revision import Artifact, Revision
from serinus.local.gateway import Gateway
from serinus.local.revisions import Command, Launch
from serinus.local.serving import LocalServing
from serinus.local.sockets import free_port
from serinus.ports import Key

KEY = Key("default", "flights")
STUB = Path(__file__).with_name("stub_predictor.py")
DEADLINE_SECONDS = 30.0


def revision(name: str, **behaviour: object) -> Revision:
    """A revision whose template tells the stub how to behave (`status`, `delay_seconds`, `exit_code`, ...)."""
    artifact = Artifact(model="flights", version=name, uri=f"file:///{name}", digest=f"sha256:{name}")
    return Revision(id=name, artifact=artifact, template=behaviour)


def plan(
    *served: Revision,
    weights: dict[str, int],
    match: HeaderMatch | None = None,
    sticky: bool = False,
    replicas: int = 1,
    edges: tuple[float, ...] = (),
    mirror: int = 0,
) -> ServingPlan:
    """A plan whose first revision is stable and whose second is the candidate."""
    roles = (Role.STABLE, Role.CANDIDATE, Role.WARM)
    return ServingPlan(
        served=tuple(ServedRevision(one, role, replicas) for one, role in zip(served, roles, strict=False)),
        weights=tuple(weights.items()),
        match=match,
        sticky=sticky,
        latency_edges_seconds=edges,
        mirror=mirror,
    )


def stub_command(launch: Launch) -> Sequence[str]:
    """Runs the stub for a revision."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in launch.revision.template.items()]
    return [sys.executable, "-S", str(STUB), f"--port={launch.port}", f"--revision={launch.revision.id}", *options]


def new_backend(
    folder: Path, port: int = 0, edges: tuple[float, ...] = (), command: Command = stub_command
) -> tuple[LocalServing, Gateway]:
    """A backend that is not started."""
    gateway = Gateway(folder, port=port or free_port(), edges_seconds=edges)
    return LocalServing(folder, gateway, command), gateway


@asynccontextmanager
async def running(
    folder: Path, port: int = 0, command: Command = stub_command
) -> AsyncIterator[tuple[LocalServing, Gateway]]:
    """A started backend, whose processes are ended afterwards."""
    serving, gateway = new_backend(folder, port, command=command)
    await serving.start()
    try:
        yield serving, gateway
    finally:
        await serving.close()


async def eventually(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Wait until the condition holds; fail after DEADLINE_SECONDS."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while True:
        holds = condition()
        if (await holds) if isawaitable(holds) else holds:
            return
        assert asyncio.get_running_loop().time() < deadline, f"not within {DEADLINE_SECONDS:.0f} s: {what}"
        await asyncio.sleep(0.05)
