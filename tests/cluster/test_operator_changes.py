"""People change their minds in every phase: another version, back to what serves, another serving, or nothing any more."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.world import DEPLOYMENTS, ROUTES, SERVICES, World

AT_ONCE = 10
SECONDS = 100  # with so many at once
SIGNALS = {"signals": [{"name": "errors", "type": "Errors", "required": False}]}  # needs few requests
AT_ONCE_PROMOTED = {"strategy": "Immediate", "approval": "Automatic", **SIGNALS}
CANARY = {"strategy": "Canary", **SIGNALS}
# The model of the second version, and what brings its rollout to a stand in the phase.
STANDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Deploying": ({"never_ready": True}, {"readyDeadline": "10m"}),
    "Progressing": ({}, {"steps": [{"weight": 20, "hold": "10m", "minRequests": 0}]}),
    "Paused": ({}, {"steps": [{"weight": 20, "hold": "1s", "minRequests": 0}, {"pause": {}}]}),
    "AwaitingApproval": ({}, {"steps": [{"weight": 20, "hold": "1s", "minRequests": 0}], "approval": "Manual"}),
    "RolledBack": ({"exit_code": 1}, {}),
}


@pytest.fixture
def world(cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(cluster, look, new_namespace(), tmp_path)
    made.operator().until_works()
    yield made
    made.end()


def brought_to(world: World, phase: str, name: str) -> None:
    """Version 1 serves, and the rollout of another stands in the phase."""
    world.ask_for("1", name, **AT_ONCE_PROMOTED)
    world.until_serves("1", name, SECONDS)
    with world.clients(name, per_second=10):
        world.ask_for(phase, name, **CANARY, **STANDS[phase][1])
        world.until_phase(phase, name=name, seconds=SECONDS)


def outcomes(world: World, name: str) -> list[str]:
    return [one["outcome"] for one in world.status(name).get("history", [])]


def another_version(world: World, phase: str, name: str) -> None:
    world.ask_for("2", name, **AT_ONCE_PROMOTED)
    world.until_serves("2", name, SECONDS)
    assert outcomes(world, name) == ["RolledBack" if phase == "RolledBack" else "Superseded", "Promoted"]


def back_to_what_serves(world: World, phase: str, name: str) -> None:
    world.ask_for("1", name, **AT_ONCE_PROMOTED)
    world.until_serves("1", name, SECONDS)
    assert outcomes(world, name) == ["RolledBack" if phase == "RolledBack" else "Aborted"]
    rejected = world.checkpoint(name)["rejected"]
    assert bool(rejected) is (phase == "RolledBack"), "a change of mind is no verdict"


def another_serving(world: World, phase: str, name: str) -> None:
    serving = {"resources": {"requests": {"cpu": "11m"}}}
    world.ask_for("1", name, serving, **AT_ONCE_PROMOTED)
    before = world.status(name)["stable"]["id"]
    eventually(lambda: world.serves("1", name) and world.status(name)["stable"]["id"] != before, name, SECONDS)
    assert outcomes(world, name) == ["RolledBack" if phase == "RolledBack" else "Superseded", "Promoted"]


def nothing_any_more(world: World, _: str, name: str) -> None:
    world.delete(DEPLOYMENTS, name)
    label = "serinus.dev/deployment"

    def is_gone() -> bool:
        left = [one for kind in (SERVICES, ROUTES) for one in world.all(kind)]
        return all(one["metadata"].get("labels", {}).get(label) != name for one in left)

    eventually(is_gone, f"nothing of {name} is left", SECONDS)


CHANGES = {
    "another": another_version,
    "back": back_to_what_serves,
    "serving": another_serving,
    "nothing": nothing_any_more,
}


@pytest.mark.timeout(900)
def test_every_change_in_every_phase_ends_as_it_was_asked_for(world: World) -> None:
    for phase, (behaviour, _) in STANDS.items():
        world.model(phase, **behaviour)
    world.model("1")
    world.model("2")

    def story(phase: str, change: str) -> None:
        name = f"{phase}-{change}".lower()
        brought_to(world, phase, name)
        CHANGES[change](world, phase, name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        stories = {(phase, change): pool.submit(story, phase, change) for phase in STANDS for change in CHANGES}
    failed = {which: str(error) for which, done in stories.items() if (error := done.exception())}
    assert not failed, failed
