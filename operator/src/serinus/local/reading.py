"""The read model of a state folder: what `serinus get` and the demo's table show."""

import time
from dataclasses import dataclass

from pydantic import ValidationError

from serinus.core.errors import SerinusError, StateUnreadable
from serinus.core.spec import ModelDeployment
from serinus.core.state import RolloutState
from serinus.local.folder import StateFolder
from serinus.local.state import read_state
from serinus.ports import Key

POLL_SECONDS = 0.1


class DeploymentNotFound(SerinusError):
    """The state folder has no deployment of that name."""


@dataclass(frozen=True)
class Deployed:
    """A deployment as it was last asked for, and its state."""

    key: Key
    deployment: ModelDeployment
    state: RolloutState


def read_all(folder: StateFolder) -> tuple[Deployed, ...]:
    """Every deployment of a state folder, by name. Raises StateUnreadable."""
    return tuple(read_one(folder, key) for key in folder.deployments())


def read_named(folder: StateFolder, name: str) -> Deployed:
    """The deployment `name` or `namespace/name`. Raises DeploymentNotFound, StateUnreadable."""
    found = [key for key in folder.deployments() if name in (key.name, str(key))]
    if not found:
        known = ", ".join(str(key) for key in folder.deployments()) or "none yet"
        raise DeploymentNotFound(
            f"no deployment {name} in {folder.root}; there is: {known} (another folder: --state-dir)"
        )
    if len(found) > 1:
        raise DeploymentNotFound(f"{name} is in several namespaces; say which: {', '.join(map(str, found))}")
    return read_one(folder, found[0])


def read_one(folder: StateFolder, key: Key) -> Deployed:
    """One deployment that is known to be there. Raises StateUnreadable."""
    state = read_state(folder.state(key))
    if state is None:
        raise DeploymentNotFound(f"{key} was removed from {folder.root}")
    try:
        deployment = ModelDeployment.model_validate_json(folder.spec(key).read_bytes())
    except (OSError, ValidationError) as error:
        raise StateUnreadable(
            f"{folder.spec(key)} cannot be read; start `serinus run`, which writes it anew"
        ) from error
    return Deployed(key, deployment, state)


def wait_for_answer(folder: StateFolder, key: Key, nonce: str, seconds: float) -> RolloutState | None:
    """The state once the runtime has handled the request `nonce`; None if it did not within `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        state = read_one(folder, key).state
        if state.handled_nonce == nonce:
            return state
        time.sleep(POLL_SECONDS)
    return None
