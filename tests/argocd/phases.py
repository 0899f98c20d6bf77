"""A world in every phase, brought there by the reconciler itself."""

from collections.abc import Callable, Mapping

from serinus.core.observation import Verb
from serinus.core.state import Phase
from tests.fakes.world import Behaviour, World, deployment, rolling_out, stable_world

BAD = "3"


def _pending() -> World:
    world = World()
    world.reconcile()
    return world


def _paused() -> World:
    world = rolling_out()
    world.request(Verb.PAUSE, _rollout(world))
    world.until_phase(Phase.PAUSED)
    return world


def _bad(*phases: Phase) -> World:
    """A version whose requests all fail is on its way."""
    world = stable_world()
    world.behaviours = {BAD: Behaviour(failing=1.0)}
    world.ask_version(BAD)
    world.until_phase(*phases)
    return world


def _failed() -> World:
    world = World(deployment("4"))
    world.reconcile()
    stable = world.state.stable
    assert stable is not None
    world.serving.failed[stable.id] = "its digest is another"
    world.until_phase(Phase.FAILED)
    return world


def _rollout(world: World) -> str:
    rollout = world.state.rollout
    assert rollout is not None
    return rollout.id


WORLDS: Mapping[Phase, Callable[[], World]] = {
    Phase.PENDING: _pending,
    Phase.STABLE: stable_world,
    Phase.DEPLOYING: lambda: rolling_out("2", Phase.DEPLOYING),
    Phase.PROGRESSING: rolling_out,
    Phase.PAUSED: _paused,
    Phase.AWAITING_APPROVAL: lambda: rolling_out("2", Phase.AWAITING_APPROVAL, approval="Manual"),
    Phase.PROMOTING: lambda: rolling_out("2", Phase.PROMOTING),
    Phase.ROLLING_BACK: lambda: _bad(Phase.ROLLING_BACK),
    Phase.ROLLED_BACK: lambda: _bad(Phase.ROLLED_BACK),
    Phase.FAILED: _failed,
}
