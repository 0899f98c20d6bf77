"""The window of inputs that monitoring watches."""

from serinus.core import reasons
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import BinWindow, Problem
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import RolloutState
from serinus.core.watching.looks import window_to_ask
from serinus.patience import COUNTERS, patiently
from serinus.ports import Key, Ports

NOT_SET_UP = Problem(reasons.METRICS_UNAVAILABLE, "nobody was set up to count rows by bin, so drift cannot be watched")


async def ask_for_inputs(
    ports: Ports, key: Key, spec: ModelDeploymentSpec, state: RolloutState
) -> BinWindow | Problem | None:
    """What the revision that serves has counted; None where nothing is watched, or it is not time to look."""
    since = window_to_ask(spec, state, ports.clock.now())
    if since is None or state.stable is None:
        return None
    if ports.bins is None:
        return NOT_SET_UP
    try:
        return await patiently(ports.bins.window(key, state.stable.id, since), COUNTERS)
    except MetricsUnavailable as error:
        return Problem(reasons.METRICS_UNAVAILABLE, str(error))
