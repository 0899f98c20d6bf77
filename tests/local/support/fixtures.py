"""Fixtures of the tests that run the whole program."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from serinus.local.sockets import free_port
from tests.local.support.deployment import Deployment
from tests.local.support.models import Registry, build, opened
from tests.local.support.programs import Runtime, ending


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Registry:
    """Built once per test run, whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "registry"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (shared / "ready").exists():
            return opened(shared)
        made = build(shared)
        (shared / "ready").touch()
    return made


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A file that does not exist yet: `ask_for` writes it."""
    return Deployment(tmp_path / "modeldeployment.yaml")


@pytest.fixture
def new_runtime(tmp_path: Path, registry: Registry, deployment: Deployment) -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes that are not started; their processes end with the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> Runtime:
            state_dir = registry.copy_to(tmp_path / "state")
            return stack.enter_context(ending(Runtime(deployment.path, state_dir, free_port(), **options)))

        yield make


@pytest.fixture
def runtime(new_runtime: Callable[..., Runtime]) -> Runtime:
    """One that is not started."""
    return new_runtime()
